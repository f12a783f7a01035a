-- Adds two objects of numbers, name by name.
CREATE FUNCTION counts_sum(p_a jsonb, p_b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(name, total), '{}') FROM (
        SELECT name, sum(amount::bigint) AS total
        FROM (SELECT * FROM jsonb_each_text(p_a) UNION ALL SELECT * FROM jsonb_each_text(p_b))
            AS both_sides (name, amount)
        GROUP BY name) AS sums
$$;

-- Says whether a batch takes up one of its run's places: it is under way, and not waiting for its
-- moment.
CREATE FUNCTION batch_in_flight(p_phase text, p_ready_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT p_phase IN ('probe', 'premium') AND coalesce(p_ready_at <= now(), true)
$$;

-- Puts queued batches of a run under a lease until p_in_flight are; gives those it took.
CREATE FUNCTION launch_batches(p_run bigint, p_in_flight integer, p_lease_s double precision)
RETURNS SETOF batches LANGUAGE sql VOLATILE AS $$
    UPDATE batches b
    SET phase = 'probe', wave = 0,
        lease_until = now() + make_interval(secs => p_lease_s)
    FROM (
        SELECT q.number FROM batches q
        WHERE q.run_id = p_run AND q.phase = 'queued'
        ORDER BY q.number
        LIMIT greatest(0, p_in_flight - (
            SELECT count(*)::integer FROM batches f
            WHERE f.run_id = p_run AND batch_in_flight(f.phase, f.ready_at)))
        FOR UPDATE SKIP LOCKED
    ) AS next
    WHERE b.run_id = p_run AND b.number = next.number
    RETURNING b.*
$$;

-- Counts batches of a run as ended, adds to its counts, and ends the run with its last batch.
-- Gives the run when it was this call that ended it. Lock order everywhere: batch, rows, run.
CREATE FUNCTION advance_run(p_run bigint, p_ended integer, p_added integer, p_counts jsonb)
RETURNS SETOF runs LANGUAGE plpgsql AS $$
DECLARE
    after runs;
BEGIN
    UPDATE runs r
    SET batches_total = r.batches_total + p_added,
        batches_ended = r.batches_ended + p_ended,
        counts = counts_sum(r.counts, p_counts)
    WHERE r.id = p_run
    RETURNING r.* INTO after;
    IF after.state = 'running' AND after.batches_ended = after.batches_total THEN
        RETURN QUERY UPDATE runs r SET state = 'done', finished_at = now()
            WHERE r.id = p_run RETURNING r.*;
    END IF;
END $$;

-- Ends one step of a batch: writes cells, moves it on, counts, and at its end launches the next.
-- One call, one transaction. {"won": false} when the batch is no longer where the caller left it.
CREATE FUNCTION settle_batch(
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
    SELECT r.tenant_id, r.table_id INTO run
    FROM batches b JOIN runs r ON r.id = b.run_id
    WHERE b.run_id = p_run AND b.number = p_number AND b.attempt = p_attempt
      AND b.phase = p_phase AND b.wave = p_wave AND r.state = 'running'
    FOR UPDATE OF b;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('won', false);
    END IF;

    SELECT * INTO report FROM write_cells(run.tenant_id, run.table_id, p_writes);
    UPDATE batches b
    SET phase = p_next_phase, wave = p_next_wave,
        lease_until = CASE WHEN NOT is_end THEN now() + make_interval(secs => p_lease_s) END
    WHERE b.run_id = p_run AND b.number = p_number;

    SELECT * INTO finished FROM advance_run(
        p_run, is_end::integer, (p_deferred IS NOT NULL)::integer, p_counts);
    IF p_deferred IS NOT NULL THEN
        -- A higher fence than this batch's: what the later one finds is newer than "pending". Its
        -- lease counts from its moment, so the sweep sends it if whoever settles now does not.
        INSERT INTO batches (run_id, number, phase, attempt, ready_at, lease_until, row_ids)
        SELECT p_run, r.batches_total, 'probe', p_attempt + 1, p_ready_at,
               p_ready_at + make_interval(secs => p_lease_s), p_deferred
        FROM runs r WHERE r.id = p_run
        RETURNING number INTO later;
    END IF;
    IF is_end AND finished.id IS NULL THEN
        SELECT coalesce(jsonb_agg(jsonb_build_array(l.number, l.attempt) ORDER BY l.number), '[]')
        INTO launched FROM launch_batches(p_run, p_in_flight, p_lease_s) AS l;
    END IF;
    RETURN jsonb_build_object(
        'won', true, 'report', to_jsonb(report), 'launched', launched, 'deferred', later,
        'finished', CASE WHEN finished.id IS NOT NULL
            THEN jsonb_build_array(finished.id, finished.reply_to, finished.state) END);
END $$;
