"""What is to be enriched when."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0010_schedules.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP TABLE schedules")
