-- Answers that a provider sends by itself: where one is waited for, and what came there.
--
--   open ─► answered ─► read
--
-- Once: only an open one takes an answer, before it expires and while its run is under way.
CREATE TABLE callbacks (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_callbacks PRIMARY KEY,
    -- Nobody can guess it; it is part of the address that the provider is told.
    name text NOT NULL CONSTRAINT uq_callbacks_name UNIQUE,
    tenant_id text NOT NULL,
    run_id bigint NOT NULL CONSTRAINT fk_callbacks_run_id_runs REFERENCES runs ON DELETE CASCADE,
    provider text NOT NULL,
    row_ids bigint[] NOT NULL,
    -- The names of the calls that it answers, each with the key of its row within the answer.
    calls jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'open' CONSTRAINT ck_callbacks_state
        CHECK (state IN ('open', 'answered', 'read')),
    opened_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    answered_at timestamptz,
    content_type text NOT NULL DEFAULT '',
    body bytea
);
CREATE INDEX ix_callbacks_run_id ON callbacks (run_id);
CREATE INDEX ix_callbacks_expires_at ON callbacks (expires_at);
CREATE INDEX ix_callbacks_row_ids ON callbacks USING gin (row_ids);
CREATE INDEX ix_callbacks_calls ON callbacks USING gin (calls);
CREATE INDEX ix_callbacks_answered ON callbacks (run_id) WHERE state = 'answered';

-- Lets batches that wait for answers be taken up by the next sweep, of one run or of all; gives how
-- many. One is woken when at least as many answers are there as still lack: then each time half of
-- them are done with, and not each for itself.
CREATE FUNCTION wake_answered(p_run bigint) RETURNS integer LANGUAGE sql VOLATILE AS $$
    WITH told AS (
        SELECT b.run_id, b.number FROM batches b
        WHERE b.phase IN ('probe', 'premium') AND b.ready_at > now() AND b.lease_until > now()
          AND b.run_id IN (
              SELECT c.run_id FROM callbacks c
              WHERE c.state = 'answered' AND (p_run IS NULL OR c.run_id = p_run))
          AND (SELECT count(*) FILTER (WHERE c.state = 'answered') >= greatest(1,
                      count(*) FILTER (WHERE c.state = 'open' AND c.expires_at > now()))
               FROM callbacks c WHERE c.run_id = b.run_id AND c.row_ids && b.row_ids)
        ORDER BY b.run_id, b.number FOR UPDATE SKIP LOCKED),
    woken AS (
        -- Its lease ends in good order: what the sweep will add to `lost` is taken off beforehand.
        UPDATE batches b SET lease_until = now(), lost = b.lost - 1
        FROM told t WHERE b.run_id = t.run_id AND b.number = t.number
        RETURNING b.number)
    SELECT count(*)::integer FROM woken
$$;
