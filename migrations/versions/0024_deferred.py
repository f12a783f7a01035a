"""Who has put rows off to a later batch that nobody has opened yet."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0024_deferred.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    before = (_SQL / "0022_launchers.sql").read_text(encoding="utf-8")
    _, _, body = before.partition("FUNCTION settle_batch(")
    op.execute(f"CREATE OR REPLACE FUNCTION settle_batch({body}")
