"""Whole rows written at once, and a ledger without a check for each of its lines."""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"
_UNDO = """
    DROP FUNCTION settle_batch(
        bigint, integer, integer, text, integer, text[], bigint[], jsonb[], jsonb[],
        text, integer, jsonb, bigint[], timestamptz, integer, double precision);
    DROP FUNCTION write_rows;
    DROP TRIGGER responses_go_too ON runs;
    DROP FUNCTION drop_responses_of_runs;
    ALTER TABLE responses ADD CONSTRAINT fk_responses_run_id_runs
        FOREIGN KEY (run_id) REFERENCES runs ON DELETE CASCADE
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute((_SQL / "0017_bulk.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(_UNDO)
