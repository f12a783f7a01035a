-- A check of every line of the ledger cost a fifth of writing it. Whoever appends now locks the run
-- once for all lines, and what is left of a run that goes, goes with it.
ALTER TABLE responses DROP CONSTRAINT fk_responses_run_id_runs;

CREATE FUNCTION drop_responses_of_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM responses s USING gone g WHERE s.run_id = g.id;
    RETURN NULL;
END $$;
CREATE TRIGGER responses_go_too AFTER DELETE ON runs
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION drop_responses_of_runs();

-- Writes rows where nothing is to be judged: none of the columns p_keys holds anything yet, and all
-- of them exist. p_data and p_cells are laid over what the rows hold. Gives the rows that it leaves
-- to `write_cells`, locked like the others.
CREATE FUNCTION write_rows(
    p_tenant text, p_table bigint, p_keys text[], p_rows bigint[], p_data jsonb[], p_cells jsonb[]
) RETURNS bigint[] LANGUAGE sql AS $$
    -- One lock order for everybody, as in `write_cells`; what a row holds is read from the locked
    -- one.
    WITH locked AS MATERIALIZED (
        SELECT r.id, r.data, r.cells
        FROM rows r
        WHERE r.id = ANY (p_rows) AND r.table_id = p_table AND r.tenant_id = p_tenant
        ORDER BY r.id FOR UPDATE
    ),
    free AS MATERIALIZED (
        SELECT l.id FROM locked l
        WHERE NOT (l.data ?| p_keys OR l.cells ?| p_keys)
          AND cardinality(p_keys) = (SELECT count(*) FROM columns c
                                     WHERE c.table_id = p_table AND c.key = ANY (p_keys))
    ),
    changed AS (
        UPDATE rows r
        SET data = r.data || p.data, cells = r.cells || p.cells,
            version = r.version + 1, updated_at = now()
        FROM unnest(p_rows, p_data, p_cells) AS p (id, data, cells), free f
        WHERE f.id = p.id AND r.id = p.id
        RETURNING r.id
    )
    SELECT coalesce(array_agg(p.id), '{}') FROM unnest(p_rows) AS p (id)
    WHERE p.id NOT IN (SELECT c.id FROM changed c)
$$;

-- Ends one step of a batch as the other function of this name does, with the writes as two objects a
-- row, values and provenances by column.
CREATE FUNCTION settle_batch(
    p_run bigint, p_number integer, p_attempt integer, p_phase text, p_wave integer,
    p_keys text[], p_rows bigint[], p_data jsonb[], p_cells jsonb[],
    p_next_phase text, p_next_wave integer, p_counts jsonb,
    p_deferred bigint[], p_ready_at timestamptz, p_in_flight integer, p_lease_s double precision
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    run record;
    left_over bigint[];
    writes jsonb;
    easily bigint;
    ended jsonb;
BEGIN
    SELECT r.tenant_id, r.table_id INTO run
    FROM batches b JOIN runs r ON r.id = b.run_id
    WHERE b.run_id = p_run AND b.number = p_number AND b.attempt = p_attempt
      AND b.phase = p_phase AND b.wave = p_wave AND r.state = 'running'
    FOR UPDATE OF b;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('won', false);
    END IF;

    left_over := write_rows(run.tenant_id, run.table_id, p_keys, p_rows, p_data, p_cells);
    SELECT count(*) FILTER (WHERE p.id <> ALL (left_over)) INTO easily
    FROM unnest(p_rows, p_cells) AS p (id, cells), jsonb_object_keys(p.cells);
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'r', p.id, 'c', c.key, 'v', p.data -> c.key, 'p', c.value)), '[]')
    INTO writes
    FROM unnest(p_rows, p_data, p_cells) AS p (id, data, cells), jsonb_each(p.cells) AS c
    WHERE p.id = ANY (left_over);
    ended := settle_batch(
        p_run, p_number, p_attempt, p_phase, p_wave, writes, p_next_phase, p_next_wave, p_counts,
        p_deferred, p_ready_at, p_in_flight, p_lease_s);
    RETURN jsonb_set(ended, '{report,written}',
                     to_jsonb((ended #>> '{report,written}')::bigint + easily));
END $$;
