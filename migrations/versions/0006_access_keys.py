"""Keys of the API."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute((_SQL / "0006_access_keys.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP TABLE access_keys")
