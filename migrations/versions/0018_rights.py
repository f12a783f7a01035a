"""Only who works makes and drops the tables of embedding models."""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0018_rights.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("""
        GRANT EXECUTE ON FUNCTION add_embedding_model(text, integer) TO PUBLIC;
        GRANT EXECUTE ON FUNCTION drop_embedding_models(double precision) TO PUBLIC
    """)
