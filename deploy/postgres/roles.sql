-- Three roles. The owner migrates; the application reads and writes rows of the tenant that its
-- transaction names, and can change no table; a reader looks, at all tenants. Run as a superuser in the database, as often as you like:
--   psql -v app_password=… -v read_password=… -f roles.sql enrich
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['enrich_owner', 'enrich_app', 'enrich_read']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- Give it neither SUPERUSER nor BYPASSRLS: row-level security would not hold for it.
ALTER ROLE enrich_app PASSWORD :'app_password' CONNECTION LIMIT 200;
ALTER ROLE enrich_read PASSWORD :'read_password' CONNECTION LIMIT 10;
ALTER ROLE enrich_read SET default_transaction_read_only = on;
ALTER ROLE enrich_read SET statement_timeout = '30s';
ALTER ROLE enrich_read SET enrich.all_tenants = 'on';

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO enrich_owner;
GRANT USAGE ON SCHEMA public TO enrich_app, enrich_read;

-- What is there, and what later migrations of the owner make.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO enrich_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO enrich_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO enrich_app;
ALTER DEFAULT PRIVILEGES FOR ROLE enrich_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO enrich_app;
ALTER DEFAULT PRIVILEGES FOR ROLE enrich_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO enrich_app;
ALTER DEFAULT PRIVILEGES FOR ROLE enrich_owner IN SCHEMA public
    GRANT EXECUTE ON FUNCTIONS TO enrich_app;

-- A reader sees neither a sealed key nor the hash of one. Run this file again after a migration that
-- has made tables.
SELECT format('GRANT SELECT ON TABLE %I TO enrich_read', tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename NOT IN ('credentials', 'access_keys', 'webhooks')
\gexec
