-- A superuser passes through every wall between tenants. Where one migrates, whoever works becomes
-- this role instead; elsewhere it is the login itself that works, or one made by deploy/postgres.
DO $$ BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        OR to_regclass('rows') IS NULL THEN
        RETURN;
    END IF;
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'enrich_app') THEN
            CREATE ROLE enrich_app NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- made for another database of this server at this moment
    END;
    IF has_table_privilege('enrich_app', 'rows', 'SELECT') THEN
        RETURN;
    END IF;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO enrich_app;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO enrich_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO enrich_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO enrich_app;
END $$;
