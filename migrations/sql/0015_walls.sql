-- The second wall between tenants. A transaction sees one tenant, whose name it sets, however its
-- queries are written; one that sets nothing sees nothing. What has to look across tenants says so.
--
--   SET LOCAL enrich.tenant = 'acme'        that tenant
--   SELECT enter_run(7)                     the tenant of that run
--   SET LOCAL enrich.all_tenants = 'on'     all of them: sweep, schedules, numbers of the whole
--
-- Superusers pass through any wall, so our connections become `enrich_app` when they log in as one.

-- What was written before there was the column belongs to its run's tenant.
ALTER TABLE batches ADD COLUMN tenant_id text DEFAULT current_setting('enrich.tenant', true);
ALTER TABLE callers ADD COLUMN tenant_id text DEFAULT current_setting('enrich.tenant', true);
ALTER TABLE responses ADD COLUMN tenant_id text DEFAULT current_setting('enrich.tenant', true);

-- Whose a run and a table are, for what hangs on them; nobody's when it is out of sight. No plain
-- sub-queries: every statement would be planned for longer than it runs. A dump has no search path.
CREATE FUNCTION tenant_of_run(p_run bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (SELECT r.tenant_id FROM runs r WHERE r.id = p_run);
END $$;
CREATE FUNCTION tenant_of_table(p_table bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (SELECT t.tenant_id FROM tables t WHERE t.id = p_table);
END $$;

-- Puts the rest of a transaction behind the wall of a run's tenant; of nobody when there is no run.
CREATE FUNCTION enter_run(p_run bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('enrich.all_tenants', 'on', true);
    PERFORM set_config('enrich.tenant', coalesce(tenant_of_run(p_run), ''), true);
    PERFORM set_config('enrich.all_tenants', '', true);
END $$;

-- Builds the wall around a table; p_tenant says in SQL whose a row of it is.
CREATE FUNCTION wall_in(p_table regclass, p_tenant text DEFAULT 'tenant_id') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
    -- The owner too: who migrates may be who works.
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);
    EXECUTE format($sql$CREATE POLICY tenant ON %s
        USING (%s = current_setting('enrich.tenant', true)
               OR current_setting('enrich.all_tenants', true) = 'on')$sql$, p_table, p_tenant);
END $$;

SELECT wall_in(named::regclass)
FROM unnest(ARRAY[
    'access_keys', 'audit', 'callbacks', 'credentials', 'idempotency_keys', 'jobs', 'paid_calls',
    'rows', 'runs', 'schedules', 'tables', 'trust_states', 'webhooks']) AS named;
SELECT wall_in('tenants', 'id');
SELECT wall_in('columns', 'tenant_of_table(table_id)');
SELECT wall_in(named::regclass, 'coalesce(tenant_id, tenant_of_run(run_id))')
FROM unnest(ARRAY['batches', 'callers', 'responses']) AS named;
SELECT wall_in('labels', '(SELECT r.tenant_id FROM rows r WHERE r.id = row_id)');
SELECT wall_in('deliveries', '(SELECT w.tenant_id FROM webhooks w WHERE w.id = webhook_id)');

-- A view looks with its owner's eyes unless told otherwise; PostgreSQL 14 cannot be told.
DO $$ BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW run_views SET (security_invoker = true);
    END IF;
END $$;

-- Gives a model, made where it does not exist with its table, index and wall; the first one is
-- active. With its owner's rights, because whoever works may make no tables.
CREATE OR REPLACE FUNCTION add_embedding_model(p_name text, p_dimension integer)
RETURNS SETOF embedding_models LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
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
    PERFORM wall_in(format('vectors_%s', mine.id)::regclass);
    EXECUTE format('CREATE INDEX ON vectors_%s (table_id)', mine.id);
    -- The index takes no more dimensions; beyond them every search is an exact one.
    IF p_dimension <= 2000 THEN
        EXECUTE format(
            'CREATE INDEX ON vectors_%s USING hnsw (vector vector_cosine_ops)', mine.id);
    END IF;
    RETURN NEXT mine;
END $$;

-- Removes the models that were retired longer ago, with their vectors; gives their names.
CREATE FUNCTION drop_embedding_models(p_older_than_s double precision) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    gone record;
BEGIN
    FOR gone IN
        DELETE FROM embedding_models
        WHERE state = 'retired' AND retired_at < now() - make_interval(secs => p_older_than_s)
        RETURNING id, name
    LOOP
        EXECUTE format('DROP TABLE vectors_%s', gone.id);
        RETURN NEXT gone.name;
    END LOOP;
END $$;

SELECT wall_in(format('vectors_%s', id)::regclass) FROM embedding_models;
