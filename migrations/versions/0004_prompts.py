"""Columns that a language model fills."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute((_SQL / "0004_prompts.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("ALTER TABLE columns DROP COLUMN prompt")
