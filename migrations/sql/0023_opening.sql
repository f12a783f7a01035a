-- Renews the lease of a batch and reads it with all that a step needs, rows and answers as JSON
-- texts of lines without names; nothing where the batch has moved on, or its run has ended. Of the
-- answers only those of p_provider, where one is named. p_poor is how the reason begins of those
-- that were not asked for want of money.
--
-- A function for the sake of its plan: finding one took twice as long as all the reading. One that
-- is found anew for each batch would look cheaper, because what it finds needless is not counted. It
-- may be found while the tables are small, and has to serve when they are large: by indexes alone.
CREATE FUNCTION open_batch(
    p_run bigint, p_number integer, p_attempt integer, p_phase text, p_wave integer,
    p_lease_s double precision, p_holder text, p_provider text, p_poor text
) RETURNS TABLE (
    run_id bigint, tenant_id text, wanted text[], options jsonb, state text, table_name text,
    table_columns jsonb, rows text, responses text, tokens json, money_waits json, progress json
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS (
        UPDATE batches b
        SET lease_until = now() + make_interval(secs => p_lease_s), holder = p_holder, unopened = 0
        FROM runs r
        WHERE b.run_id = p_run AND b.number = p_number AND b.attempt = p_attempt
          AND b.phase = p_phase AND b.wave = p_wave
          AND r.id = b.run_id AND r.state = 'running'
        RETURNING b.run_id, b.number, b.row_ids, r.filed_on)
    SELECT v.run_id, v.tenant_id, v.wanted, v.options, v.state, v.table_name, v.table_columns,
           (SELECT '[' || string_agg(
                concat('[', r.id, ',', to_json(r.key), ',', r.data, ',', r.cells, ']'),
                ',' ORDER BY r.id) || ']'
            FROM rows r WHERE r.id = ANY (h.row_ids)),
           (SELECT '[' || string_agg(
                concat('[', s.row_id, ',', to_json(s.provider), ',', to_json(s.provider_version),
                       ',', to_json(s.input_key), ',', s.outcome, ',', s.cost_microcredits, ',',
                       s.latency_s, ',"', s.observed_at, '",', s.from_cache::integer, ',',
                       s.coalesced::integer, ',', s.stale::integer, ',', s.calls, ',', s.batch,
                       ',', s.attempt, ']'),
                ',' ORDER BY s.id) || ']' FROM (
                SELECT DISTINCT ON (row_id, provider, input_key) *
                FROM responses
                WHERE run_id = h.run_id AND filed_on = h.filed_on AND row_id = ANY (h.row_ids)
                  AND (slot = 0 OR batch = h.number)
                  AND (p_provider IS NULL OR provider = p_provider)
                ORDER BY row_id, provider, input_key, slot = 0 DESC, id DESC) AS s),
           (SELECT json_agg(json_build_array(t.row_id, t.input_key, t.token)) FROM (
                SELECT DISTINCT ON (row_id, input_key) row_id, input_key, outcome->>'token' AS token
                FROM responses
                WHERE run_id = h.run_id AND filed_on = h.filed_on
                  AND row_id = ANY (h.row_ids) AND kind = 'pending'
                  AND outcome->>'token' <> ''
                ORDER BY row_id, input_key, id DESC) AS t),
           (SELECT json_agg(json_build_array(m.row_id, m.waits)) FROM (
                SELECT row_id, count(DISTINCT batch) AS waits
                FROM responses
                WHERE p_attempt > 1 AND run_id = h.run_id AND filed_on = h.filed_on
                  AND row_id = ANY (h.row_ids) AND kind = 'skipped' AND batch <> h.number
                  AND outcome ->> 'retry_at' IS NOT NULL
                  AND starts_with(outcome ->> 'reason', p_poor)
                GROUP BY row_id) AS m),
           (SELECT json_build_array(r.batches_total, r.batches_ended,
                coalesce(CAST(r.counts ->> 'cost_microcredits' AS bigint), 0))
            FROM runs r WHERE r.id = h.run_id)
    FROM held h JOIN run_views v ON v.run_id = h.run_id;
END $$;
