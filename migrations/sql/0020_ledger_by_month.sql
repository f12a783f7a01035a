-- The ledger by months, so that what is old is dropped as a table and never deleted line by line.
--
-- A line is filed under the day on which its run began, not its own: so all lines of a run lie in
-- one month, and the key, which has to hold the day, still says that a question is answered once.
-- What was there before is filed under one day long ago, and becomes a part as it is: no line moves.
SET LOCAL enrich.all_tenants = 'on';

ALTER TABLE runs ADD COLUMN filed_on date NOT NULL DEFAULT '2000-01-01';
ALTER TABLE runs ALTER COLUMN filed_on SET DEFAULT (now() AT TIME ZONE 'UTC')::date;

ALTER TABLE responses RENAME TO responses_before;
ALTER TABLE responses_before ADD COLUMN filed_on date NOT NULL DEFAULT '2000-01-01';
DROP TRIGGER append_only ON responses_before;
DO $$
DECLARE
    newest bigint;
    granted record;
BEGIN
    SELECT coalesce(max(id), 0) INTO newest FROM responses_before;
    ALTER TABLE responses_before ALTER COLUMN id DROP IDENTITY;
    CREATE TABLE responses (LIKE responses_before INCLUDING DEFAULTS) PARTITION BY RANGE (filed_on);
    EXECUTE format(
        'ALTER TABLE responses ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (START %s)',
        newest + 1);
    FOR granted IN
        SELECT a.grantee::regrole AS role, a.privilege_type AS privilege
        FROM pg_class c, aclexplode(c.relacl) AS a
        WHERE c.oid = 'responses_before'::regclass AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT %s ON responses TO %s', granted.privilege, granted.role);
    END LOOP;
END $$;
-- Whoever writes without saying the day has entered the run, which says it.
ALTER TABLE responses ALTER COLUMN filed_on SET DEFAULT coalesce(
    nullif(current_setting('enrich.filed_on', true), '')::date, (now() AT TIME ZONE 'UTC')::date);

-- The number alone was a key that nothing looked up.
ALTER TABLE responses_before
    DROP CONSTRAINT pk_responses, DROP CONSTRAINT uq_responses_question;
ALTER INDEX ix_responses_row_id RENAME TO ix_responses_before_row_id;
ALTER TABLE responses ADD CONSTRAINT pk_responses
    PRIMARY KEY (run_id, row_id, provider, input_key, batch, slot, filed_on);
CREATE INDEX ix_responses_row_id ON responses (row_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON responses
    FOR EACH ROW EXECUTE FUNCTION responses_are_append_only();
SELECT wall_in('responses', 'coalesce(tenant_id, tenant_of_run(run_id))');

DO $$ BEGIN
    IF EXISTS (SELECT FROM responses_before) THEN
        EXECUTE format(
            'ALTER TABLE responses ATTACH PARTITION responses_before FOR VALUES FROM (MINVALUE) TO (%L)',
            date_trunc('month', now() AT TIME ZONE 'UTC')::date);
    ELSE
        DROP TABLE responses_before;
    END IF;
END $$;
-- Takes what has no month of its own: a line is never refused for that.
CREATE TABLE responses_other PARTITION OF responses DEFAULT;
SELECT wall_in('responses_other', 'coalesce(tenant_id, tenant_of_run(run_id))');

CREATE OR REPLACE FUNCTION drop_responses_of_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM responses s USING gone g WHERE s.run_id = g.id AND s.filed_on = g.filed_on;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION enter_run(p_run bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    mine record;
BEGIN
    PERFORM set_config('enrich.all_tenants', 'on', true);
    SELECT r.tenant_id, r.filed_on INTO mine FROM runs r WHERE r.id = p_run;
    PERFORM set_config('enrich.tenant', coalesce(mine.tenant_id, ''), true);
    PERFORM set_config('enrich.filed_on', coalesce(mine.filed_on::text, ''), true);
    PERFORM set_config('enrich.all_tenants', '', true);
END $$;

-- Makes the parts of this month and of p_ahead more where they are not there; gives how many it
-- made. With its owner's rights, because whoever works may make no tables.
CREATE FUNCTION extend_ledger(p_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    begins date;
    part text;
    made integer := 0;
BEGIN
    FOR step IN 0 .. p_ahead LOOP
        begins := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => step);
        part := to_char(begins, '"responses_"YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtextextended('extend_ledger', 1));
        -- Whoever came second waited for it.
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        PERFORM add_ledger_part(part, begins, (begins + interval '1 month')::date);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Adds one part, with the lines that lie among the others for want of it. Attached, not made as a
-- part: who writes and reads elsewhere meanwhile is not held up.
CREATE FUNCTION add_ledger_part(p_name text, p_from date, p_to date) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    purging text := current_setting('enrich.purge', true);
    seeing text := current_setting('enrich.all_tenants', true);
BEGIN
    PERFORM set_config('enrich.purge', 'on', true), set_config('enrich.all_tenants', 'on', true);
    EXECUTE format('CREATE TABLE %I (LIKE responses INCLUDING DEFAULTS)', p_name);
    LOCK TABLE responses_other IN ACCESS EXCLUSIVE MODE;
    EXECUTE format($sql$
        WITH moved AS (DELETE FROM responses_other
                       WHERE filed_on >= %L AND filed_on < %L RETURNING *)
        INSERT INTO %I SELECT * FROM moved$sql$, p_from, p_to, p_name);
    EXECUTE format('ALTER TABLE responses ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   p_name, p_from, p_to);
    PERFORM wall_in(p_name::regclass, 'coalesce(tenant_id, tenant_of_run(run_id))');
    PERFORM set_config('enrich.purge', coalesce(purging, ''), true),
            set_config('enrich.all_tenants', coalesce(seeing, ''), true);
END $$;

-- Drops the parts of the ledger that ended before a day, but for those with a run under way; gives
-- their names. For who owns the tables, by hand: nothing else forgets what a run has heard.
CREATE FUNCTION drop_ledger(p_before date) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    PERFORM set_config('enrich.all_tenants', 'on', true);
    FOR part IN
        SELECT b.name, coalesce(b.starts::date, '-infinity') AS starts, b.ends::date AS ends
        FROM (SELECT c.relname AS name,
                     substring(pg_get_expr(c.relpartbound, c.oid) FROM $re$FROM \('(.*?)'\)$re$) AS starts,
                     substring(pg_get_expr(c.relpartbound, c.oid) FROM $re$TO \('(.*?)'\)$re$) AS ends
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'responses'::regclass) AS b
        WHERE b.ends::date <= p_before ORDER BY b.ends
    LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM runs r WHERE r.state = 'running'
            AND r.filed_on >= part.starts AND r.filed_on < part.ends);
        EXECUTE format('DROP TABLE %I', part.name);
        RETURN NEXT part.name;
    END LOOP;
    PERFORM set_config('enrich.all_tenants', '', true);
END $$;

REVOKE EXECUTE ON FUNCTION extend_ledger(integer) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION add_ledger_part(text, date, date) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION drop_ledger(date) FROM PUBLIC;
SELECT extend_ledger(2);
SET LOCAL enrich.all_tenants = '';
