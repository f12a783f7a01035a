"""Requests by SQL."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # Not `op.execute`: the text holds colons, which it would take for parameters.
    op.get_bind().exec_driver_sql((_SQL / "0016_requests.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP TRIGGER forget_requests ON rows")
    op.execute("DROP FUNCTION enrich_request, forget_requests")
    op.execute("DROP TABLE requests")
