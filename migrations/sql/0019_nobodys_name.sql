-- Once a transaction has set it, the name of the tenant is empty in every later one of the session,
-- no longer NULL: a line that is written then belongs to its run's tenant, not to one without a name.
ALTER TABLE batches
    ALTER COLUMN tenant_id SET DEFAULT nullif(current_setting('enrich.tenant', true), '');
ALTER TABLE callers
    ALTER COLUMN tenant_id SET DEFAULT nullif(current_setting('enrich.tenant', true), '');
ALTER TABLE responses
    ALTER COLUMN tenant_id SET DEFAULT nullif(current_setting('enrich.tenant', true), '');
