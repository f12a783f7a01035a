"""Functions with their owner's rights look for temporary tables last.

Where a path does not name `pg_temp` it is looked through first: who may call such a function could
lay a table of its own under the name of one of ours.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_SET = """
    DO $$ DECLARE ours record; BEGIN
        FOR ours IN
            SELECT p.oid::regprocedure AS name, substr(said, length('search_path=') + 1) AS path
            FROM pg_proc p, unnest(p.proconfig) AS said
            WHERE p.prosecdef AND p.pronamespace = current_schema()::regnamespace
              AND said LIKE 'search\\_path=%' AND p.proname = ANY (ARRAY[
                  'add_embedding_model', 'drop_embedding_models', 'enrich_request',
                  'extend_ledger'])
        LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = %s', ours.name, {path});
        END LOOP;
    END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(_SET.format(path="ours.path || ', pg_temp'"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(_SET.format(path="regexp_replace(ours.path, ', pg_temp$', '')"))
