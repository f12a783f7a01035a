-- Lays a row's values over the one with its key, as typed ones, or makes it; gives its id. The stamps
-- are drawn when the row is locked, as those of an import are.
CREATE FUNCTION put_row(p_table bigint, p_tenant text, p_key text, p_data jsonb)
RETURNS bigint LANGUAGE sql VOLATILE AS $$
    INSERT INTO rows AS r (table_id, tenant_id, key, data)
    VALUES (p_table, p_tenant, p_key, p_data)
    ON CONFLICT (table_id, key) DO UPDATE
    SET data = r.data || excluded.data, version = r.version + 1, updated_at = now(),
        cells = r.cells || coalesce((
            SELECT jsonb_object_agg(e.key, jsonb_build_object(
                'state', 'filled', 'provider', 'person', 'confidence', 1.0,
                'observed_at', now(), 'run', nextval('stamps'), 'fence', 0,
                'support', 0, 'agreement', 0.0))
            FROM jsonb_each(excluded.data) e
            WHERE r.data -> e.key IS DISTINCT FROM e.value), '{}')
    RETURNING r.id
$$;

-- Begins a job that was stored a moment ago: its candidate's row, its run of one batch, and the word
-- that it is under way. Gives the run; NULL, with nothing done, when the table lacks a column.
CREATE FUNCTION begin_job(
    p_job uuid, p_table text, p_data jsonb, p_wanted text[], p_options jsonb,
    p_lease_s double precision
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    mine jobs;
    v_table bigint;
    v_row bigint;
    v_run bigint;
BEGIN
    SELECT j.* INTO mine FROM jobs j WHERE j.id = p_job AND j.state = 'queued';
    SELECT t.id INTO v_table FROM tables t WHERE t.tenant_id = mine.tenant_id AND t.name = p_table;
    IF v_table IS NULL OR EXISTS (
        SELECT FROM (SELECT jsonb_object_keys(p_data) UNION SELECT unnest(p_wanted)) AS k (key)
        WHERE NOT EXISTS (SELECT FROM columns c WHERE c.table_id = v_table AND c.key = k.key))
    THEN
        RETURN NULL;
    END IF;
    v_row := put_row(v_table, mine.tenant_id, mine.candidate_id, p_data);
    INSERT INTO runs (tenant_id, table_id, wanted, options, reply_to, state, rows_total, batches_total)
    VALUES (mine.tenant_id, v_table, p_wanted, p_options,
            'job:' || mine.id || ':' || mine.attempts, 'running', 1, 1)
    RETURNING id INTO v_run;
    INSERT INTO batches (run_id, number, phase, row_ids, lease_until)
    VALUES (v_run, 1, 'probe', ARRAY[v_row], now() + make_interval(secs => p_lease_s));
    UPDATE jobs SET state = 'processing', run_id = v_run, payload = NULL, updated_at = now()
    WHERE id = mine.id;
    RETURN v_run;
END $$;

-- Takes a profile as `submit_job` does, and begins a new job at once: all of it in one statement.
CREATE FUNCTION take_profile(
    p_tenant text, p_candidate text, p_hash text, p_payload jsonb, p_forced boolean,
    p_key text, p_body_hash text, p_window_s double precision,
    p_table text, p_data jsonb, p_wanted text[], p_options jsonb, p_lease_s double precision
) RETURNS TABLE (verdict text, job jsonb, run jsonb) LANGUAGE plpgsql AS $$
DECLARE
    taken record;
    v_run bigint;
BEGIN
    SELECT s.verdict, s.job_id INTO taken FROM submit_job(
        p_tenant, p_candidate, p_hash, p_payload, p_forced, p_key, p_body_hash, p_window_s) AS s;
    IF taken.verdict = 'begun' THEN
        v_run := begin_job(taken.job_id, p_table, p_data, p_wanted, p_options, p_lease_s);
    END IF;
    RETURN QUERY SELECT taken.verdict, to_jsonb(j), to_jsonb(v)
    FROM (SELECT) AS this
    LEFT JOIN jobs j ON j.id = taken.job_id
    LEFT JOIN run_views v ON v.run_id = v_run;
END $$;
