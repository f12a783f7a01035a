"""Row-level security: a transaction sees the tenant that it names, and no other."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"
_ADD_MODEL = "CREATE FUNCTION add_embedding_model"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0015_walls.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("""
        DO $$ DECLARE walled record; BEGIN
            FOR walled IN SELECT tablename AS name FROM pg_policies
                          WHERE policyname = 'tenant' AND schemaname = current_schema LOOP
                EXECUTE format('DROP POLICY tenant ON %I', walled.name);
                EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', walled.name);
                EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', walled.name);
            END LOOP;
        END $$;
        DROP FUNCTION wall_in, enter_run, tenant_of_run, tenant_of_table, drop_embedding_models,
            add_embedding_model;
        ALTER TABLE callers DROP COLUMN tenant_id;
        ALTER TABLE batches DROP COLUMN tenant_id;
        ALTER TABLE responses DROP COLUMN tenant_id;
    """)
    service = (_SQL / "0009_service.sql").read_text(encoding="utf-8")
    before = service[service.index(_ADD_MODEL) :]
    op.execute(before[: before.index("END $$;")] + "END $$;")
