-- Says whether a cell with this value lacks one: none, null, or text of white space only. The
-- spaces are listed because what \s means depends on the database's locale.
CREATE FUNCTION cell_is_blank(p_value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(p_value #>> '{}', '') !~
        '[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
$$;

-- Writes many cells of many rows: the one place where rows.data and rows.cells change by stamp.
--
-- p_writes: [{"r": row id, "c": column key, "v": value, "p": provenance}, …]; a provenance holds
-- state, provider, run, fence and more. Every write is counted once in the answer.
--
--   gone        the row is no more, or of another tenant or table; or there is no such column
--   protected   a person typed the value, and the column does not let enrichment replace it
--   superseded  the cell, or this very batch, holds a stamp (run, fence) as new or newer
--   written     everything else
--
-- A state other than filled never takes a provider's value away: the value stays with its origin,
-- and its provenance takes the new stamp, with the state as the reason. A person may take a value
-- away: then its key goes.
CREATE FUNCTION write_cells(p_tenant text, p_table bigint, p_writes jsonb)
RETURNS TABLE (written bigint, superseded bigint, protected bigint, gone bigint)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT u.r AS row_id, u.c AS key, u.v AS value, u.p AS provenance,
               (u.p ->> 'run')::bigint AS number, (u.p ->> 'fence')::bigint AS attempt,
               u.p ->> 'state' = 'filled' AS is_filled, u.p ->> 'provider' = 'person' AS by_person
        FROM jsonb_to_recordset(p_writes) AS u (r bigint, c text, v jsonb, p jsonb)
    ),
    -- One lock order for everybody, so no two calls deadlock.
    locked AS MATERIALIZED (
        SELECT r.id, r.data, r.cells
        FROM rows r
        WHERE r.id = ANY (ARRAY(SELECT DISTINCT a.row_id FROM asked a))
          AND r.table_id = p_table AND r.tenant_id = p_tenant
        ORDER BY r.id FOR UPDATE
    ),
    newest AS (
        SELECT DISTINCT ON (a.row_id, a.key) a.*
        FROM asked a ORDER BY a.row_id, a.key, a.number DESC, a.attempt DESC
    ),
    -- What a cell holds is read from the locked rows: a fresh scan of `rows` would show them as they
    -- were before we waited for the lock, and let an old write pass.
    found AS (
        SELECT n.*, l.id IS NULL OR c.key IS NULL AS is_gone, c.overwrite,
               l.cells -> n.key AS before,
               NOT cell_is_blank(l.data -> n.key) AS has_value,
               NOT cell_is_blank(l.data -> n.key)
                   AND coalesce(l.cells -> n.key ->> 'provider', 'person') = 'person' AS is_typed
        FROM newest n
        LEFT JOIN locked l ON l.id = n.row_id
        LEFT JOIN columns c ON c.table_id = p_table AND c.key = n.key
    ),
    judged AS MATERIALIZED (
        SELECT f.*,
            CASE
                WHEN f.is_gone THEN 'gone'
                WHEN f.is_typed AND NOT f.by_person AND NOT (f.is_filled AND f.overwrite = 'always')
                    THEN 'protected'
                WHEN (f.number, f.attempt) <= (coalesce((f.before ->> 'run')::bigint, -1),
                                               coalesce((f.before ->> 'fence')::bigint, -1))
                    THEN 'superseded'
                ELSE 'written'
            END AS verdict
        FROM found f
    ),
    patches AS (
        SELECT j.row_id,
            coalesce(jsonb_object_agg(j.key, j.value) FILTER (WHERE j.is_filled), '{}') AS data,
            coalesce(array_agg(j.key) FILTER (WHERE j.by_person AND NOT j.is_filled), '{}') AS cleared,
            jsonb_object_agg(j.key, CASE
                WHEN j.has_value AND NOT j.is_filled AND NOT j.by_person
                THEN j.before - 'retry_at' || jsonb_strip_nulls(jsonb_build_object(
                    'run', j.number, 'fence', j.attempt,
                    'reason', j.provenance -> 'state', 'retry_at', j.provenance -> 'retry_at'))
                ELSE j.provenance
            END) AS cells
        FROM judged j WHERE j.verdict = 'written' GROUP BY j.row_id
    ),
    changed AS (
        UPDATE rows r
        SET data = (r.data || p.data) - p.cleared, cells = r.cells || p.cells,
            version = r.version + 1, updated_at = now()
        FROM patches p WHERE r.id = p.row_id
        RETURNING r.id
    )
    SELECT count(*) FILTER (WHERE j.verdict = 'written'),
           count(*) FILTER (WHERE j.verdict = 'superseded')
               + (SELECT count(*) FROM asked) - count(*),
           count(*) FILTER (WHERE j.verdict = 'protected'),
           count(*) FILTER (WHERE j.verdict = 'gone')
    FROM judged j
    -- A locked row cannot be missed by the update; if it ever is, nothing of this call may stand.
    HAVING (SELECT count(*) FROM changed) = (SELECT count(*) FROM patches);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'write_cells: an update missed a locked row' USING ERRCODE = 'data_exception';
    END IF;
END $$;
