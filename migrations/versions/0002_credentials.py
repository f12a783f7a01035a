"""The sealed keys of providers."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute((_SQL / "0002_credentials.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP TABLE credentials")
