"""Jobs of profiles, models that text is embedded with, webhooks, and what was erased."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0009_service.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    # The extension stays: others may use it.
    op.execute("""
        DO $$ DECLARE made integer; BEGIN
            FOR made IN SELECT id FROM embedding_models LOOP
                EXECUTE format('DROP TABLE vectors_%s', made);
            END LOOP;
        END $$;
        DROP FUNCTION submit_job, add_embedding_model;
        DROP TABLE audit, deliveries, webhooks, embedding_models, idempotency_keys, jobs;
    """)
