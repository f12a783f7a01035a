"""Who works on a batch, and batches launched no more than there is room for."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute((_SQL / "0008_holders.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    # The function stays as it is: it does the same, and names no column.
    op.execute("ALTER TABLE batches DROP COLUMN holder")
