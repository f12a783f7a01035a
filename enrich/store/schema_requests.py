"""The table of requests by SQL."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from enrich.store.schema_base import json_object, metadata, moment, words

__all__ = ["requests"]

requests = Table(
    "requests",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    words("tenant_id"),
    words("table_name"),
    words("row_key"),
    Column("columns", ARRAY(Text)),
    Column("data", JSONB),
    json_object("options"),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("said", Text, nullable=False, server_default=text("''")),
    Column("run_id", BigInteger),
    Column("pack", BigInteger),
    Column("taken_at", DateTime(timezone=True)),
    moment("created_at"),
    CheckConstraint("state IN ('waiting', 'begun', 'refused')", name="state"),
    CheckConstraint("jsonb_typeof(data) = 'object'", name="data"),
    CheckConstraint("jsonb_typeof(options) = 'object'", name="options"),
    Index("ix_requests_waiting", "id", postgresql_where=text("state = 'waiting'")),
    Index("ix_requests_created_at", "created_at", postgresql_using="brin"),
)
