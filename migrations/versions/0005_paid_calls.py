"""Calls that cost money, reserved before they are made."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute((_SQL / "0005_paid_calls.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION reserve_calls, note_calls; DROP TABLE paid_calls")
