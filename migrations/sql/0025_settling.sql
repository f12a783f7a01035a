-- Writes rows where nothing is to be judged: none of the columns p_keys holds anything yet, and all
-- of them exist. p_data and p_cells are laid over what the rows hold. Gives the rows that it leaves
-- to `write_cells`, locked like the others.
--
-- What is to be written is found once, by the row it is for, and carried along. Joined afterwards it
-- was read anew for each row: how many there are is not known when the plan is made.
CREATE OR REPLACE FUNCTION write_rows(
    p_tenant text, p_table bigint, p_keys text[], p_rows bigint[], p_data jsonb[], p_cells jsonb[]
) RETURNS bigint[] LANGUAGE sql AS $$
    -- One lock order for everybody, as in `write_cells`; what a row holds is read from the locked
    -- one.
    WITH locked AS MATERIALIZED (
        SELECT r.id, p.data, p.cells, r.data ?| p_keys OR r.cells ?| p_keys AS is_taken
        FROM unnest(p_rows, p_data, p_cells) AS p (id, data, cells) JOIN rows r ON r.id = p.id
        WHERE r.table_id = p_table AND r.tenant_id = p_tenant
        ORDER BY r.id FOR UPDATE OF r
    ),
    changed AS (
        UPDATE rows r
        SET data = r.data || l.data, cells = r.cells || l.cells,
            version = r.version + 1, updated_at = now()
        FROM locked l
        WHERE r.id = l.id AND NOT l.is_taken
          AND cardinality(p_keys) = (SELECT count(*) FROM columns c
                                     WHERE c.table_id = p_table AND c.key = ANY (p_keys))
        RETURNING r.id
    )
    SELECT coalesce(array_agg(p.id), '{}') FROM unnest(p_rows) AS p (id)
    WHERE p.id NOT IN (SELECT c.id FROM changed c)
$$;
