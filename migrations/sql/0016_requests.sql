-- The outbox of those who only have the database: a request is a row, written in a transaction of
-- theirs. `pack` puts requests together that become one run; it is given once, when they are taken.
CREATE TABLE requests (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_requests PRIMARY KEY,
    tenant_id text NOT NULL,
    table_name text NOT NULL,
    row_key text NOT NULL,
    columns text[],
    data jsonb,
    options jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'waiting' CONSTRAINT ck_requests_state
        CHECK (state IN ('waiting', 'begun', 'refused')),
    said text NOT NULL DEFAULT '',
    run_id bigint,
    pack bigint,
    taken_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_requests_data CHECK (jsonb_typeof(data) = 'object'),
    CONSTRAINT ck_requests_options CHECK (jsonb_typeof(options) = 'object')
) WITH (fillfactor = 70);
CREATE INDEX ix_requests_waiting ON requests (id) WHERE state = 'waiting';
CREATE INDEX ix_requests_created_at ON requests USING brin (created_at);
SELECT wall_in('requests');

-- Asks for a row's cells: all enriched columns unless some are named. `data` holds values of the row
-- that are laid over it first; a row that is not there is made of them. Gives the request's number.
-- It runs with its owner's rights: who may call it needs none on the tables.
CREATE FUNCTION enrich_request(
    table_name text,
    row_key text,
    columns text[] DEFAULT NULL,
    data jsonb DEFAULT NULL,
    tenant text DEFAULT 'default',
    options jsonb DEFAULT '{}'
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    number bigint;
    before text := coalesce(current_setting('enrich.tenant', true), '');
BEGIN
    IF coalesce(enrich_request.table_name, '') = '' OR coalesce(enrich_request.row_key, '') = '' THEN
        RAISE EXCEPTION 'table_name and row_key must not be empty'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The wall stands before this function's owner too.
    PERFORM set_config('enrich.tenant', enrich_request.tenant, true);
    INSERT INTO requests (tenant_id, table_name, row_key, columns, data, options)
    VALUES (enrich_request.tenant, enrich_request.table_name, enrich_request.row_key,
            enrich_request.columns, enrich_request.data, enrich_request.options)
    RETURNING id INTO number;
    PERFORM set_config('enrich.tenant', before, true);
    PERFORM pg_notify('enrich_requests', number::text);
    RETURN number;
END $$;
REVOKE ALL ON FUNCTION enrich_request FROM PUBLIC;

-- What is kept of a row that is erased goes with it.
CREATE FUNCTION forget_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM requests q USING gone g JOIN tables t ON t.id = g.table_id
    WHERE q.tenant_id = g.tenant_id AND q.table_name = t.name AND q.row_key = g.key;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_requests AFTER DELETE ON rows REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_requests();
