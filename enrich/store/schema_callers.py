"""The table of callers that share a run."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, text

from enrich.store.schema_base import metadata, moment, run_tenant

__all__ = ["callers"]

callers = Table(
    "callers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("row_id", BigInteger, nullable=False),
    Column("is_single", Boolean, nullable=False),
    moment("asked_at"),
    moment("answered_at", nullable=True),
    run_tenant(),
    Index("ix_callers_run_id", "run_id"),
    Index("ix_callers_waiting", "asked_at", postgresql_where=text("answered_at IS NULL")),
    Index("ix_callers_asked_at", "asked_at", postgresql_using="brin"),
)
