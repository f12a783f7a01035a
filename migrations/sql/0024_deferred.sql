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
        -- is in the same hands, because they may die before they have sent it.
        INSERT INTO batches (
            run_id, number, phase, attempt, ready_at, lease_until, row_ids, holder, unopened)
        SELECT p_run, r.batches_total, 'probe', p_attempt + 1, p_ready_at,
               p_ready_at + make_interval(secs => p_lease_s), p_deferred, run.holder, 1
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
