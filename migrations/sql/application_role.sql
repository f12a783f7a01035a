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
    -- Before anything is left out: a restored database has the tables' rights, and these not.
    ALTER DEFAULT PRIVILEGES IN SCHEMA public
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO enrich_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO enrich_app;
    IF has_table_privilege('enrich_app', 'rows', 'SELECT') THEN
        RETURN;
    END IF;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO enrich_app;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO enrich_app;
END $$;

-- Whoever works makes and drops the tables of embedding models, and makes the parts of the ledger, with
-- their owner's rights; nobody else does. A downgrade may have left none of the functions.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'enrich_app') THEN
        RETURN;
    END IF;
    IF NOT has_function_privilege(
        'enrich_app', to_regprocedure('add_embedding_model(text, integer)'), 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION add_embedding_model(text, integer) TO enrich_app;
    END IF;
    IF NOT has_function_privilege(
        'enrich_app', to_regprocedure('drop_embedding_models(double precision)'), 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION drop_embedding_models(double precision) TO enrich_app;
    END IF;
    IF NOT has_function_privilege(
        'enrich_app', to_regprocedure('extend_ledger(integer)'), 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION extend_ledger(integer) TO enrich_app;
    END IF;
END $$;
