"""Who waits for a row of a run that several callers share."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0013_callers.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP TABLE callers")
