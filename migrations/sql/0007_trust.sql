SET LOCAL lock_timeout = '5s';

-- What was learned about the providers: versions, each of which stays as it was.
CREATE TABLE trust_states (
    tenant_id text NOT NULL CONSTRAINT fk_trust_states_tenant_id_tenants
        REFERENCES tenants ON DELETE CASCADE,
    version bigint NOT NULL,
    state jsonb NOT NULL,
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_trust_states PRIMARY KEY (tenant_id, version)
);

CREATE FUNCTION trust_states_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of trust is never changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON trust_states
    FOR EACH ROW EXECUTE FUNCTION trust_states_are_append_only();

-- What is known about right and wrong values of cells; the newest of a kind speaks.
CREATE TABLE labels (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_labels PRIMARY KEY,
    row_id bigint NOT NULL CONSTRAINT fk_labels_row_id_rows REFERENCES rows ON DELETE CASCADE,
    column_key text NOT NULL,
    is_right boolean NOT NULL,
    value jsonb NOT NULL,
    kind text NOT NULL
        CONSTRAINT ck_labels_kind CHECK (kind IN ('person', 'verification', 'agreement')),
    actor text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_labels_row_id ON labels (row_id);

-- Which way of fusing a column has; empty: that of the settings.
ALTER TABLE columns ADD COLUMN fusion text NOT NULL DEFAULT ''
    CONSTRAINT ck_columns_fusion CHECK (fusion IN ('', 'best', 'ensemble', 'learned'));
