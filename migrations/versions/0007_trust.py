"""What was learned about the providers, what it was learned from, and a column's way of fusing."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute((_SQL / "0007_trust.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE columns DROP COLUMN fusion")
    op.execute("DROP TABLE labels, trust_states; DROP FUNCTION trust_states_are_append_only")
