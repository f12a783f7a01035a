"""How many requests left for a provider, line by line of the ledger."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE responses ADD COLUMN calls integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE responses DROP COLUMN calls")
