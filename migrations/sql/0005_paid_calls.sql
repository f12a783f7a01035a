-- Calls that cost money, by question: reserved before they are made, ended with what came of them.
-- A question that is asked anew has a new generation; the newest is not superseded.
--
--   free ─► reserved ─► answered
--    ▲         ├──────► failed      the provider gave no answer
--    ├─────────┤                    it was not asked after all, or is still working on it
--    └─────────┴──────► parked      its caller died: whether it was made is for a person to say
--
-- A reservation whose time is over is taken by the next who asks. If its call had been begun nobody
-- knows whether it was made: that is counted in `doubts`.
CREATE TABLE paid_calls (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_paid_calls PRIMARY KEY,
    tenant_id text NOT NULL,
    run_id bigint NOT NULL CONSTRAINT fk_paid_calls_run_id_runs REFERENCES runs ON DELETE CASCADE,
    row_id bigint NOT NULL,
    provider text NOT NULL,
    provider_version text NOT NULL,
    input_key text NOT NULL,
    generation integer NOT NULL DEFAULT 1,
    superseded boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'free' CONSTRAINT ck_paid_calls_state
        CHECK (state IN ('free', 'reserved', 'answered', 'failed', 'parked')),
    -- Who reserved it last: one word for all questions of a probe, and the fence of what it reports.
    holder text NOT NULL DEFAULT '',
    -- Questions that travel in one request share it.
    call_id text NOT NULL DEFAULT '',
    price_microcredits bigint NOT NULL,
    cost_microcredits bigint NOT NULL DEFAULT 0,
    doubts integer NOT NULL DEFAULT 0,
    reserved_at timestamptz NOT NULL DEFAULT now(),
    held_until timestamptz,
    begun_at timestamptz,
    ended_at timestamptz,
    observed_at timestamptz,
    latency_s double precision NOT NULL DEFAULT 0,
    outcome jsonb,
    CONSTRAINT uq_paid_calls_input_key_generation UNIQUE (input_key, generation)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX uq_paid_calls_newest ON paid_calls (input_key) WHERE NOT superseded;
CREATE INDEX ix_paid_calls_run_id ON paid_calls (run_id);
CREATE INDEX ix_paid_calls_row_id ON paid_calls (row_id);
CREATE INDEX ix_paid_calls_tenant_id_reserved_at ON paid_calls (tenant_id, reserved_at);
CREATE INDEX ix_paid_calls_holder ON paid_calls (holder) WHERE state = 'reserved';
CREATE INDEX ix_paid_calls_doubted ON paid_calls (run_id) WHERE doubts > 0;

-- Reserves questions for one probe, and gives each as it stands then: ours, answered since our run
-- began, held by somebody else, or parked. One call, one transaction, locks in the order of keys.
--
-- p_keys and p_rows are in the order in which they will be asked, p_bulk to a request; the first
-- p_begun of them are about to be asked right away.
CREATE FUNCTION reserve_calls(
    p_tenant text, p_run bigint, p_provider text, p_version text, p_holder text,
    p_hold_s double precision, p_parks boolean, p_bulk integer, p_begun integer,
    p_keys text[], p_rows bigint[], p_prices bigint[]
) RETURNS TABLE (
    key text, number integer, stands text, is_ours boolean, is_doubtful boolean,
    until timestamptz, answer jsonb, cost bigint, took_s double precision, seen_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := (SELECT started_at FROM runs WHERE id = p_run);
    doubtful text[];
BEGIN
    INSERT INTO paid_calls (tenant_id, run_id, row_id, provider, provider_version, input_key,
                            price_microcredits)
    SELECT p_tenant, p_run, r.id, p_provider, p_version, q.k, q.price
    FROM unnest(p_keys, p_rows, p_prices) AS q (k, row_id, price) JOIN rows r ON r.id = q.row_id
    ORDER BY q.k
    ON CONFLICT DO NOTHING;

    PERFORM FROM paid_calls c
    WHERE c.input_key = ANY (p_keys) AND NOT c.superseded ORDER BY c.input_key FOR UPDATE;

    -- What was answered before our run began is asked anew, and so is what was paid for in vain.
    WITH old AS (
        UPDATE paid_calls c SET superseded = true
        WHERE c.input_key = ANY (p_keys) AND NOT c.superseded AND c.run_id <> p_run
          AND (c.state = 'answered' AND c.ended_at <= began
               OR c.state = 'failed' AND c.cost_microcredits > 0)
        RETURNING c.input_key, c.generation)
    INSERT INTO paid_calls (tenant_id, run_id, row_id, provider, provider_version, input_key,
                            price_microcredits, generation)
    SELECT p_tenant, p_run, q.row_id, p_provider, p_version, q.k, q.price, o.generation + 1
    FROM old o JOIN unnest(p_keys, p_rows, p_prices) AS q (k, row_id, price) ON q.k = o.input_key
    ORDER BY q.k
    ON CONFLICT DO NOTHING;

    doubtful := ARRAY(
        SELECT c.input_key FROM paid_calls c
        WHERE c.input_key = ANY (p_keys) AND NOT c.superseded AND c.state = 'reserved'
          AND c.held_until <= now() AND c.begun_at IS NOT NULL);

    UPDATE paid_calls c
    SET state = 'parked', doubts = c.doubts + 1, held_until = NULL
    WHERE p_parks AND c.input_key = ANY (doubtful) AND NOT c.superseded;

    UPDATE paid_calls c
    SET state = 'reserved', holder = p_holder, run_id = p_run, row_id = q.row_id,
        call_id = p_holder || '/' || (q.place - 1) / p_bulk, price_microcredits = q.price,
        doubts = c.doubts + (c.input_key = ANY (doubtful))::integer,
        reserved_at = now(), held_until = now() + make_interval(secs => p_hold_s),
        -- A doubt is kept until it is settled: we may die before that.
        begun_at = CASE WHEN q.place <= p_begun OR c.input_key = ANY (doubtful) THEN now() END,
        ended_at = NULL, outcome = NULL
    FROM unnest(p_keys, p_rows, p_prices) WITH ORDINALITY AS q (k, row_id, price, place)
    WHERE c.input_key = q.k AND NOT c.superseded
      AND (c.state = 'free' OR c.state = 'failed' AND c.run_id <> p_run
           OR c.state = 'reserved' AND c.held_until <= now());

    RETURN QUERY
    SELECT c.input_key, c.generation, c.state, c.state = 'reserved' AND c.holder = p_holder,
           c.input_key = ANY (doubtful), c.held_until, c.outcome, c.cost_microcredits, c.latency_s,
           c.observed_at
    FROM paid_calls c WHERE c.input_key = ANY (p_keys) AND NOT c.superseded;
END $$;

-- Notes what a holder has begun and what has ended: {"k", "state", "outcome", "cost", "latency_s",
-- "observed_at"}. Gives the keys among both that were still its own; on the others it has no effect.
CREATE FUNCTION note_calls(p_holder text, p_begun text[], p_ended jsonb) RETURNS SETOF text
LANGUAGE sql AS $$
    WITH begun AS (
        UPDATE paid_calls c SET begun_at = coalesce(c.begun_at, now())
        WHERE c.holder = p_holder AND c.state = 'reserved' AND c.input_key = ANY (p_begun)
        RETURNING c.input_key),
    ended AS (
        UPDATE paid_calls c
        SET state = u.state, outcome = u.outcome, cost_microcredits = u.cost,
            latency_s = u.latency_s, observed_at = u.observed_at, held_until = NULL,
            begun_at = CASE WHEN u.state <> 'free' THEN c.begun_at END,
            ended_at = CASE WHEN u.state <> 'free' THEN clock_timestamp() END
        FROM jsonb_to_recordset(p_ended) AS u (
            k text, state text, outcome jsonb, cost bigint, latency_s double precision,
            observed_at timestamptz)
        WHERE c.holder = p_holder AND c.state = 'reserved' AND c.input_key = u.k
        RETURNING c.input_key)
    SELECT input_key FROM begun UNION ALL SELECT input_key FROM ended
$$;
