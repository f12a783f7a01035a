-- Jobs: a run of one profile each. What was sent is kept until its row holds it.
CREATE TABLE jobs (
    id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT pk_jobs PRIMARY KEY,
    tenant_id text NOT NULL CONSTRAINT fk_jobs_tenant_id_tenants REFERENCES tenants ON DELETE CASCADE,
    candidate_id text NOT NULL,
    payload_hash text NOT NULL,
    payload jsonb,
    is_forced boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'queued' CONSTRAINT ck_jobs_state
        CHECK (state IN ('queued', 'processing', 'completed', 'failed')),
    attempts integer NOT NULL DEFAULT 1,
    run_id bigint,
    error text NOT NULL DEFAULT '',
    result jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX ix_jobs_tenant_id_candidate_id ON jobs (tenant_id, candidate_id);
CREATE INDEX ix_jobs_created_at ON jobs (created_at);
CREATE INDEX ix_jobs_open ON jobs (updated_at) WHERE state IN ('queued', 'processing');

CREATE TABLE idempotency_keys (
    tenant_id text NOT NULL,
    key text NOT NULL,
    body_hash text NOT NULL,
    job_id uuid NOT NULL
        CONSTRAINT fk_idempotency_keys_job_id_jobs REFERENCES jobs ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (tenant_id, key)
);
CREATE INDEX ix_idempotency_keys_job_id ON idempotency_keys (job_id);

-- Takes a profile: gives a job of its own ('begun'), the one that is there ('known'), or says that
-- the key stands for another body ('other_body') or is being used at this moment ('in_flight').
-- Equal submits take turns, so that each sees what the one before it has stored.
CREATE FUNCTION submit_job(
    p_tenant text, p_candidate text, p_hash text, p_payload jsonb, p_forced boolean,
    p_key text, p_body_hash text, p_window_s double precision
) RETURNS TABLE (verdict text, job_id uuid) LANGUAGE plpgsql AS $$
DECLARE
    earlier record;
    mine uuid;
    answer text := 'known';
BEGIN
    BEGIN
        IF p_key <> '' THEN
            PERFORM pg_advisory_xact_lock(
                hashtextextended(jsonb_build_array('key', p_tenant, p_key)::text, 1));
        END IF;
        PERFORM pg_advisory_xact_lock(
            hashtextextended(jsonb_build_array('job', p_tenant, p_candidate, p_hash)::text, 1));
    EXCEPTION WHEN lock_not_available THEN
        RETURN QUERY SELECT 'in_flight'::text, NULL::uuid;
        RETURN;
    END;
    IF p_key <> '' THEN
        SELECT k.body_hash, k.job_id INTO earlier FROM idempotency_keys k
        WHERE k.tenant_id = p_tenant AND k.key = p_key;
        IF FOUND AND earlier.body_hash <> p_body_hash THEN
            RETURN QUERY SELECT 'other_body'::text, earlier.job_id;
            RETURN;
        ELSIF FOUND THEN
            -- A job that failed is tried again, under its own name.
            UPDATE jobs j
            SET state = 'queued', payload = p_payload, attempts = j.attempts + 1, run_id = NULL,
                error = '', result = NULL, updated_at = now()
            WHERE j.id = earlier.job_id AND j.state = 'failed';
            RETURN QUERY SELECT CASE WHEN FOUND THEN 'begun' ELSE 'known' END, earlier.job_id;
            RETURN;
        END IF;
    END IF;
    IF NOT p_forced THEN
        SELECT j.id INTO mine FROM jobs j
        WHERE j.tenant_id = p_tenant AND j.candidate_id = p_candidate AND j.payload_hash = p_hash
          AND j.state <> 'failed' AND j.created_at > now() - make_interval(secs => p_window_s)
        ORDER BY j.created_at DESC LIMIT 1;
    END IF;
    IF mine IS NULL THEN
        INSERT INTO tenants (id) VALUES (p_tenant) ON CONFLICT DO NOTHING;
        INSERT INTO jobs (tenant_id, candidate_id, payload_hash, payload, is_forced)
        VALUES (p_tenant, p_candidate, p_hash, p_payload, p_forced) RETURNING id INTO mine;
        answer := 'begun';
    END IF;
    IF p_key <> '' THEN
        INSERT INTO idempotency_keys (tenant_id, key, body_hash, job_id)
        VALUES (p_tenant, p_key, p_body_hash, mine);
    END IF;
    RETURN QUERY SELECT answer, mine;
END $$;

-- Models that text is embedded with; each has a table of its own, `vectors_<id>`, made with it.
CREATE TABLE embedding_models (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_embedding_models PRIMARY KEY,
    name text NOT NULL CONSTRAINT uq_embedding_models_name UNIQUE,
    dimension integer NOT NULL,
    state text NOT NULL CONSTRAINT ck_embedding_models_state
        CHECK (state IN ('building', 'active', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);
CREATE UNIQUE INDEX uq_embedding_models_active ON embedding_models (state) WHERE state = 'active';

-- Gives a model, made where it does not exist with its table and index; the first one is active.
CREATE FUNCTION add_embedding_model(p_name text, p_dimension integer)
RETURNS SETOF embedding_models LANGUAGE plpgsql AS $$
DECLARE
    mine embedding_models;
BEGIN
    SELECT m.* INTO mine FROM embedding_models m WHERE m.name = p_name;
    IF FOUND THEN
        IF mine.state = 'retired' THEN
            UPDATE embedding_models m SET state = 'building', retired_at = NULL
            WHERE m.id = mine.id RETURNING m.* INTO mine;
        END IF;
        RETURN NEXT mine;
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('add_embedding_model', 1));
    CREATE EXTENSION IF NOT EXISTS vector;
    INSERT INTO embedding_models (name, dimension, state)
    VALUES (p_name, p_dimension, CASE WHEN EXISTS (
        SELECT FROM embedding_models m WHERE m.state = 'active') THEN 'building' ELSE 'active' END)
    ON CONFLICT (name) DO NOTHING RETURNING * INTO mine;
    IF NOT FOUND THEN
        RETURN QUERY SELECT m.* FROM embedding_models m WHERE m.name = p_name;
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE vectors_%s (
        row_id bigint PRIMARY KEY REFERENCES rows ON DELETE CASCADE,
        tenant_id text NOT NULL, table_id bigint NOT NULL, row_version bigint NOT NULL,
        text_hash text NOT NULL, model text NOT NULL DEFAULT %L CHECK (model = %L),
        dimension integer NOT NULL DEFAULT %s CHECK (dimension = %s),
        vector vector(%s) NOT NULL)',
        mine.id, p_name, p_name, p_dimension, p_dimension, p_dimension);
    EXECUTE format('CREATE INDEX ON vectors_%s (table_id)', mine.id);
    -- The index takes no more dimensions; beyond them every search is an exact one.
    IF p_dimension <= 2000 THEN
        EXECUTE format(
            'CREATE INDEX ON vectors_%s USING hnsw (vector vector_cosine_ops)', mine.id);
    END IF;
    RETURN NEXT mine;
END $$;

-- Who is told of ends, and what has been told.
CREATE TABLE webhooks (
    id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT pk_webhooks PRIMARY KEY,
    tenant_id text NOT NULL
        CONSTRAINT fk_webhooks_tenant_id_tenants REFERENCES tenants ON DELETE CASCADE,
    url text NOT NULL,
    sealed text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_webhooks_tenant_id ON webhooks (tenant_id);

CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_deliveries PRIMARY KEY,
    webhook_id uuid NOT NULL
        CONSTRAINT fk_deliveries_webhook_id_webhooks REFERENCES webhooks ON DELETE CASCADE,
    job_id uuid CONSTRAINT fk_deliveries_job_id_jobs REFERENCES jobs ON DELETE CASCADE,
    event text NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CONSTRAINT ck_deliveries_state
        CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX ix_deliveries_webhook_id ON deliveries (webhook_id);
CREATE INDEX ix_deliveries_job_id ON deliveries (job_id);
CREATE INDEX ix_deliveries_due ON deliveries (due_at) WHERE state = 'waiting';

-- What was erased, by whom and when; never what it was.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_audit PRIMARY KEY,
    tenant_id text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_audit_tenant_id_id ON audit (tenant_id, id);
