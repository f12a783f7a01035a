-- How many times in a row a batch was put under a lease, or moved on, and not opened by anybody
-- since; `holder` is then who did that, where it was a worker.
ALTER TABLE batches ADD COLUMN unopened smallint NOT NULL DEFAULT 0;

DROP FUNCTION launch_batches(bigint, integer, double precision);

-- Puts queued batches of a run under a lease until p_in_flight are; gives those it took. They are
-- chosen once: in a join the planner may choose again for each row, and take more than there is
-- room for.
CREATE FUNCTION launch_batches(
    p_run bigint, p_in_flight integer, p_lease_s double precision, p_holder text DEFAULT ''
) RETURNS SETOF batches LANGUAGE sql VOLATILE AS $$
    WITH next AS MATERIALIZED (
        SELECT q.number FROM batches q
        WHERE q.run_id = p_run AND q.phase = 'queued'
        ORDER BY q.number
        LIMIT greatest(0, p_in_flight - (
            SELECT count(*)::integer FROM batches f
            WHERE f.run_id = p_run AND batch_in_flight(f.phase, f.ready_at)))
        FOR UPDATE SKIP LOCKED)
    UPDATE batches b
    SET phase = 'probe', wave = 0,
        lease_until = now() + make_interval(secs => p_lease_s), holder = p_holder, unopened = 1
    FROM next
    WHERE b.run_id = p_run AND b.number = next.number
    RETURNING b.*
$$;

-- Ends one step of a batch: writes cells, moves it on, counts, and at its end launches the next.
-- One call, one transaction. {"won": false} when the batch is no longer where the caller left it.
-- Whoever opened it last is who settles it, and what it launches is in the same hands.
CREATE OR REPLACE FUNCTION settle_batch(
    p_run bigint, p_number integer, p_attempt integer, p_phase text, p_wave integer,
    p_writes jsonb, p_next_phase text, p_next_wave integer, p_counts jsonb,
    p_deferred bigint[], p_ready_at timestamptz, p_in_flight integer, p_lease_s double precision
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    run record;
    report record;
    finished runs;
    later integer;
    launched jsonb := '[]';
    is_end boolean := p_next_phase = 'done';
BEGIN
    SELECT r.tenant_id, r.table_id, b.holder INTO run
    FROM batches b JOIN runs r ON r.id = b.run_id
    WHERE b.run_id = p_run AND b.number = p_number AND b.attempt = p_attempt
      AND b.phase = p_phase AND b.wave = p_wave AND r.state = 'running'
    FOR UPDATE OF b;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('won', false);
    END IF;

    SELECT * INTO report FROM write_cells(run.tenant_id, run.table_id, p_writes);
    UPDATE batches b
    SET phase = p_next_phase, wave = p_next_wave, unopened = (NOT is_end)::integer,
        lease_until = CASE WHEN NOT is_end THEN now() + make_interval(secs => p_lease_s) END
    WHERE b.run_id = p_run AND b.number = p_number;

    SELECT * INTO finished FROM advance_run(
        p_run, is_end::integer, (p_deferred IS NOT NULL)::integer, p_counts);
    IF p_deferred IS NOT NULL THEN
        -- A higher fence than this batch's: what the later one finds is newer than "pending". Its
        -- lease counts from its moment, so the sweep sends it if whoever settles now does not. It
        -- is in nobody's hands: it is not to be taken up before that moment.
        INSERT INTO batches (run_id, number, phase, attempt, ready_at, lease_until, row_ids)
        SELECT p_run, r.batches_total, 'probe', p_attempt + 1, p_ready_at,
               p_ready_at + make_interval(secs => p_lease_s), p_deferred
        FROM runs r WHERE r.id = p_run
        RETURNING number INTO later;
    END IF;
    IF is_end AND finished.id IS NULL THEN
        SELECT coalesce(jsonb_agg(jsonb_build_array(l.number, l.attempt) ORDER BY l.number), '[]')
        INTO launched FROM launch_batches(p_run, p_in_flight, p_lease_s, run.holder) AS l;
    END IF;
    RETURN jsonb_build_object(
        'won', true, 'report', to_jsonb(report), 'launched', launched, 'deferred', later,
        'finished', CASE WHEN finished.id IS NOT NULL
            THEN jsonb_build_array(finished.id, finished.reply_to, finished.state) END);
END $$;
