"""What a batch writes is looked at once for each row."""

from pathlib import Path

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0025_settling.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    before = (_SQL / "0017_bulk.sql").read_text(encoding="utf-8")
    _, _, onward = before.partition("CREATE FUNCTION write_rows(")
    body, end, _ = onward.partition("$$;")
    op.execute(f"CREATE OR REPLACE FUNCTION write_rows({body}{end}")
