"""What is written in no tenant's name belongs to that of its run."""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0019_nobodys_name.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("batches", "callers", "responses"):
        op.execute(
            f"ALTER TABLE {table} ALTER COLUMN tenant_id "
            "SET DEFAULT current_setting('enrich.tenant', true)"
        )
