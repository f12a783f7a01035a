"""The table of schedules."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from enrich.store.schema_base import json_object, metadata, moment, words

__all__ = ["schedules"]

schedules = Table(
    "schedules",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    words("tenant_id"),
    Column("table_id", BigInteger, nullable=False),
    words("name"),
    words("cron"),
    words("zone"),
    json_object("wish"),
    Column("window_s", Double),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Column("next_at", DateTime(timezone=True), nullable=False),
    moment("due_at", nullable=True),
    moment("claimed_at", nullable=True),
    Column("run_id", BigInteger),
    moment("last_at", nullable=True),
    Column("said", Text, nullable=False, server_default=text("''")),
    moment("created_at"),
    UniqueConstraint("tenant_id", "name", name="uq_schedules_tenant_id_name"),
    ForeignKeyConstraint(
        ["table_id", "tenant_id"], ["tables.id", "tables.tenant_id"], ondelete="CASCADE"
    ),
    CheckConstraint("window_s > 0", name="window"),
    Index("ix_schedules_table_id", "table_id"),
    Index("ix_schedules_next_at", "next_at", postgresql_where=text("NOT paused")),
)
