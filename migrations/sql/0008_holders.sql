-- Who opened a batch last, so that whoever takes the place of a dead worker need not wait for its
-- leases.
ALTER TABLE batches ADD COLUMN holder text NOT NULL DEFAULT '';

-- Puts queued batches of a run under a lease until p_in_flight are; gives those it took. They are
-- chosen once: in a join the planner may choose again for each row, and take more than there is
-- room for.
CREATE OR REPLACE FUNCTION launch_batches(
    p_run bigint, p_in_flight integer, p_lease_s double precision
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
        lease_until = now() + make_interval(secs => p_lease_s)
    FROM next
    WHERE b.run_id = p_run AND b.number = next.number
    RETURNING b.*
$$;
