"""The ledger and the paid calls as SQLAlchemy sees them; `enrich.store.schema` has the others."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from enrich.store.schema_base import TODAY, metadata, moment, run_tenant, words

__all__ = ["paid_calls", "responses"]

_FILED_ON = f"""
    COALESCE(NULLIF(current_setting('enrich.filed_on'::text, true), ''::text)::date, {TODAY})"""

responses = Table(
    "responses",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("row_id", BigInteger, nullable=False),
    words("provider"),
    words("provider_version"),
    words("input_key"),
    Column("slot", Integer, nullable=False),
    words("kind"),
    Column("outcome", JSONB, nullable=False),
    Column("cost_microcredits", BigInteger, nullable=False, server_default=text("0")),
    Column("latency_s", Double, nullable=False, server_default=text("0")),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("from_cache", Boolean, nullable=False, server_default=text("false")),
    Column("coalesced", Boolean, nullable=False, server_default=text("false")),
    Column("stale", Boolean, nullable=False, server_default=text("false")),
    moment("recorded_at"),
    Column("calls", Integer, nullable=False, server_default=text("0")),
    run_tenant(),
    # The day of its run: all lines of a run lie in one part, so its questions stay answered once.
    Column("filed_on", Date, nullable=False, server_default=text(_FILED_ON)),
    PrimaryKeyConstraint("run_id", "row_id", "provider", "input_key", "batch", "slot", "filed_on"),
    Index("ix_responses_row_id", "row_id"),
    postgresql_partition_by="RANGE (filed_on)",
)

paid_calls = Table(
    "paid_calls",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    words("tenant_id"),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("row_id", BigInteger, nullable=False),
    words("provider"),
    words("provider_version"),
    words("input_key"),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("superseded", Boolean, nullable=False, server_default=text("false")),
    Column("state", Text, nullable=False, server_default=text("'free'")),
    Column("holder", Text, nullable=False, server_default=text("''")),
    Column("call_id", Text, nullable=False, server_default=text("''")),
    Column("price_microcredits", BigInteger, nullable=False),
    Column("cost_microcredits", BigInteger, nullable=False, server_default=text("0")),
    Column("doubts", Integer, nullable=False, server_default=text("0")),
    moment("reserved_at"),
    moment("held_until", nullable=True),
    moment("begun_at", nullable=True),
    moment("ended_at", nullable=True),
    moment("observed_at", nullable=True),
    Column("latency_s", Double, nullable=False, server_default=text("0")),
    Column("outcome", JSONB),
    UniqueConstraint("input_key", "generation", name="uq_paid_calls_input_key_generation"),
    CheckConstraint("state IN ('free', 'reserved', 'answered', 'failed', 'parked')", name="state"),
    Index(
        "uq_paid_calls_newest", "input_key", unique=True, postgresql_where=text("NOT superseded")
    ),
    Index("ix_paid_calls_run_id", "run_id"),
    Index("ix_paid_calls_row_id", "row_id"),
    Index("ix_paid_calls_tenant_id_reserved_at", "tenant_id", "reserved_at"),
    Index("ix_paid_calls_holder", "holder", postgresql_where=text("state = 'reserved'")),
    Index("ix_paid_calls_doubted", "run_id", postgresql_where=text("doubts > 0")),
)
