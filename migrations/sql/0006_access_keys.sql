-- Keys of the API. Only a hash is kept; the prefix names a key and finds it.
CREATE TABLE access_keys (
    prefix text CONSTRAINT pk_access_keys PRIMARY KEY,
    tenant_id text NOT NULL
        CONSTRAINT fk_access_keys_tenant_id_tenants REFERENCES tenants ON DELETE CASCADE,
    name text NOT NULL,
    hash text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX ix_access_keys_tenant_id ON access_keys (tenant_id);
