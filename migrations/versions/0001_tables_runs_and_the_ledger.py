"""Tables with their rows, runs with their batches, and the ledger of responses."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"
_PARTS = ("tables", "write_cells", "batches")


def upgrade() -> None:
    for part in _PARTS:
        op.execute((_SQL / f"0001_{part}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("""
        DROP FUNCTION settle_batch, advance_run, launch_batches, batch_in_flight, counts_sum;
        DROP FUNCTION write_cells, cell_is_blank;
        DROP VIEW run_views;
        DROP TABLE responses, batches, runs, rows, columns, tables, tenants;
        DROP FUNCTION responses_are_append_only;
        DROP SEQUENCE stamps;
    """)
