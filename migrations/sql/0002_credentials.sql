-- The keys of providers, each sealed: no column holds one that can be read. `credential` is what a
-- provider's file calls it, `name` tells several keys of one apart; asked in the order of ids.
CREATE TABLE credentials (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_credentials PRIMARY KEY,
    tenant_id text NOT NULL
        CONSTRAINT fk_credentials_tenant_id_tenants REFERENCES tenants ON DELETE CASCADE,
    credential text NOT NULL,
    name text NOT NULL,
    sealed text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_credentials_tenant_id_credential_name UNIQUE (tenant_id, credential, name)
);
