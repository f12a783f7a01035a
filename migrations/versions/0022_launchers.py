"""Who has launched a batch that nobody has opened yet."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0022_launchers.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP FUNCTION launch_batches")
    op.execute(_function("launch_batches", "0008_holders.sql"))
    op.execute(_function("settle_batch", "0001_batches.sql"))
    op.execute("ALTER TABLE batches DROP COLUMN unopened")


def _function(name: str, file: str) -> str:
    """Give a function as an earlier migration made it."""
    _, _, after = (_SQL / file).read_text(encoding="utf-8").partition(f"FUNCTION {name}(")
    made, _, _ = after.partition("$$;")
    return f"CREATE OR REPLACE FUNCTION {name}({made}$$;"
