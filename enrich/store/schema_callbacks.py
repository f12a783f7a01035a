"""The table of answers that providers send by themselves."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from enrich.store.schema_base import json_object, metadata, moment, state_of, words

__all__ = ["callbacks"]

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    words("name"),
    words("tenant_id"),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    words("provider"),
    Column("row_ids", ARRAY(BigInteger), nullable=False),
    json_object("calls"),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    moment("opened_at"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    moment("answered_at", nullable=True),
    Column("content_type", Text, nullable=False, server_default=text("''")),
    Column("body", LargeBinary),
    state_of("open", "answered", "read"),
    UniqueConstraint("name"),
    Index("ix_callbacks_run_id", "run_id"),
    Index("ix_callbacks_expires_at", "expires_at"),
    Index("ix_callbacks_row_ids", "row_ids", postgresql_using="gin"),
    Index("ix_callbacks_calls", "calls", postgresql_using="gin"),
    Index("ix_callbacks_answered", "run_id", postgresql_where=text("state = 'answered'")),
)
