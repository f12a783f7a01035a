-- Numbers runs and typed values alike, so that any two writes of one cell have an order.
CREATE SEQUENCE stamps AS bigint;

CREATE TABLE tenants (
    id text CONSTRAINT pk_tenants PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tables (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_tables PRIMARY KEY,
    tenant_id text NOT NULL CONSTRAINT fk_tables_tenant_id_tenants REFERENCES tenants ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_tables_tenant_id_name UNIQUE (tenant_id, name),
    CONSTRAINT uq_tables_id_tenant_id UNIQUE (id, tenant_id)
);

CREATE TABLE columns (
    table_id bigint NOT NULL CONSTRAINT fk_columns_table_id_tables REFERENCES tables ON DELETE CASCADE,
    key text NOT NULL,
    field text NOT NULL,
    enriched boolean NOT NULL,
    overwrite text NOT NULL CONSTRAINT ck_columns_overwrite CHECK (overwrite IN ('never', 'always')),
    min_confidence double precision NOT NULL,
    position integer NOT NULL,
    CONSTRAINT pk_columns PRIMARY KEY (table_id, key)
);

-- No index on data or cells, and room left in each page: an update of cells then touches no index
-- (HOT). A GIN index on data would end that and write five times as much log.
CREATE TABLE rows (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_rows PRIMARY KEY,
    table_id bigint NOT NULL,
    tenant_id text NOT NULL,
    key text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}' CONSTRAINT ck_rows_data CHECK (jsonb_typeof(data) = 'object'),
    cells jsonb NOT NULL DEFAULT '{}' CONSTRAINT ck_rows_cells CHECK (jsonb_typeof(cells) = 'object'),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_rows_table_id_key UNIQUE (table_id, key),
    CONSTRAINT fk_rows_table_id_tables
        FOREIGN KEY (table_id, tenant_id) REFERENCES tables (id, tenant_id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX ix_rows_table_id_id ON rows (table_id, id);

CREATE TABLE runs (
    id bigint NOT NULL DEFAULT nextval('stamps') CONSTRAINT pk_runs PRIMARY KEY,
    tenant_id text NOT NULL,
    table_id bigint NOT NULL,
    wanted text[] NOT NULL,
    options jsonb NOT NULL,
    reply_to text NOT NULL DEFAULT '',
    state text NOT NULL CONSTRAINT ck_runs_state CHECK (state IN ('running', 'done', 'cancelled')),
    counts jsonb NOT NULL DEFAULT '{}',
    rows_total bigint NOT NULL DEFAULT 0,
    batches_total integer NOT NULL DEFAULT 0,
    batches_ended integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT ck_runs_ended CHECK (batches_ended BETWEEN 0 AND batches_total),
    CONSTRAINT fk_runs_table_id_tables
        FOREIGN KEY (table_id, tenant_id) REFERENCES tables (id, tenant_id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX ix_runs_tenant_id_id ON runs (tenant_id, id);
CREATE INDEX ix_runs_table_id ON runs (table_id);
-- A request that is delivered twice is one run.
CREATE UNIQUE INDEX uq_runs_reply_to ON runs (reply_to) WHERE reply_to <> '';

-- What every step reads of a run.
CREATE VIEW run_views AS
    SELECT r.id AS run_id, r.tenant_id, r.wanted, r.options, r.state, t.name AS table_name,
           (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.position, c.key)
            FROM columns c WHERE c.table_id = r.table_id) AS table_columns
    FROM runs r JOIN tables t ON t.id = r.table_id;

CREATE TABLE batches (
    run_id bigint NOT NULL CONSTRAINT fk_batches_run_id_runs REFERENCES runs ON DELETE CASCADE,
    number integer NOT NULL,
    phase text NOT NULL CONSTRAINT ck_batches_phase
        CHECK (phase IN ('queued', 'probe', 'premium', 'done', 'parked', 'cancelled')),
    wave integer NOT NULL DEFAULT 0,
    -- The fence: only ever grows. How often a lease ran out is counted apart, in `lost`, because a
    -- batch that was put back by a limit has not failed.
    attempt integer NOT NULL DEFAULT 1,
    lost integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    ready_at timestamptz,
    row_ids bigint[] NOT NULL,
    reason text NOT NULL DEFAULT '',
    CONSTRAINT pk_batches PRIMARY KEY (run_id, number)
) WITH (fillfactor = 70);
CREATE INDEX ix_batches_open ON batches (run_id, phase) WHERE phase IN ('queued', 'probe', 'premium');

-- The ledger. `slot` is 0 for an answer that ends the question and the attempt for one that makes
-- work later: so a repeated probe adds nothing, and an answer may follow a "not yet".
CREATE TABLE responses (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_responses PRIMARY KEY,
    run_id bigint NOT NULL CONSTRAINT fk_responses_run_id_runs REFERENCES runs ON DELETE CASCADE,
    batch integer NOT NULL,
    attempt integer NOT NULL,
    row_id bigint NOT NULL,
    provider text NOT NULL,
    provider_version text NOT NULL,
    input_key text NOT NULL,
    slot integer NOT NULL,
    kind text NOT NULL,
    outcome jsonb NOT NULL,
    cost_microcredits bigint NOT NULL DEFAULT 0,
    latency_s double precision NOT NULL DEFAULT 0,
    observed_at timestamptz NOT NULL,
    from_cache boolean NOT NULL DEFAULT false,
    coalesced boolean NOT NULL DEFAULT false,
    stale boolean NOT NULL DEFAULT false,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_responses_question UNIQUE (run_id, row_id, provider, input_key, batch, slot)
);
CREATE INDEX ix_responses_row_id ON responses (row_id);

CREATE FUNCTION responses_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('enrich.purge', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'responses are never changed, and deleted only by a purge'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON responses
    FOR EACH ROW EXECUTE FUNCTION responses_are_append_only();
