-- What is to be enriched when. `next_at` is the moment that comes; one that has come is first put
-- into `due_at`, by whoever holds the row, and taken out when its run is stored.
CREATE TABLE schedules (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_schedules PRIMARY KEY,
    tenant_id text NOT NULL,
    table_id bigint NOT NULL,
    name text NOT NULL,
    cron text NOT NULL,
    zone text NOT NULL,
    wish jsonb NOT NULL DEFAULT '{}',
    window_s double precision,
    paused boolean NOT NULL DEFAULT false,
    next_at timestamptz NOT NULL,
    due_at timestamptz,
    claimed_at timestamptz,
    run_id bigint,
    last_at timestamptz,
    said text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_schedules_tenant_id_name UNIQUE (tenant_id, name),
    CONSTRAINT fk_schedules_table_id_tables FOREIGN KEY (table_id, tenant_id)
        REFERENCES tables (id, tenant_id) ON DELETE CASCADE,
    CONSTRAINT ck_schedules_window CHECK (window_s > 0)
);
CREATE INDEX ix_schedules_table_id ON schedules (table_id);
CREATE INDEX ix_schedules_next_at ON schedules (next_at) WHERE NOT paused;
