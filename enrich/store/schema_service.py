"""The tables of the service as SQLAlchemy sees them; `enrich.store.schema` has the others."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
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
from sqlalchemy.dialects.postgresql import JSONB, UUID

from enrich.store.schema_base import json_object, metadata, moment, state_of, words

__all__ = ["audit", "deliveries", "embedding_models", "idempotency_keys", "jobs", "webhooks"]

_RANDOM = text("gen_random_uuid()")

jobs = Table(
    "jobs",
    metadata,
    Column("id", UUID, primary_key=True, server_default=_RANDOM),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    words("candidate_id"),
    words("payload_hash"),
    Column("payload", JSONB),
    Column("is_forced", Boolean, nullable=False, server_default=text("false")),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    Column("run_id", BigInteger),
    Column("error", Text, nullable=False, server_default=text("''")),
    Column("result", JSONB),
    moment("created_at"),
    moment("updated_at"),
    state_of("queued", "processing", "completed", "failed"),
    Index("ix_jobs_tenant_id_candidate_id", "tenant_id", "candidate_id"),
    Index("ix_jobs_created_at", "created_at"),
    Index("ix_jobs_open", "updated_at", postgresql_where=text("state IN ('queued', 'processing')")),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    words("tenant_id"),
    words("key"),
    words("body_hash"),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    moment("created_at"),
    PrimaryKeyConstraint("tenant_id", "key"),
    Index("ix_idempotency_keys_job_id", "job_id"),
)

#: Each has a table `vectors_<id>` beside, made by the SQL function `add_embedding_model`.
embedding_models = Table(
    "embedding_models",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    words("name"),
    Column("dimension", Integer, nullable=False),
    words("state"),
    moment("created_at"),
    moment("retired_at", nullable=True),
    UniqueConstraint("name", name="uq_embedding_models_name"),
    state_of("building", "active", "retired"),
    Index(
        "uq_embedding_models_active",
        "state",
        unique=True,
        postgresql_where=text("state = 'active'"),
    ),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", UUID, primary_key=True, server_default=_RANDOM),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    words("url"),
    words("sealed"),
    moment("created_at"),
    Index("ix_webhooks_tenant_id", "tenant_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("webhook_id", ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE")),
    words("event"),
    Column("body", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("due_at"),
    Column("reason", Text, nullable=False, server_default=text("''")),
    moment("created_at"),
    moment("updated_at"),
    state_of("waiting", "delivered", "dead"),
    Index("ix_deliveries_webhook_id", "webhook_id"),
    Index("ix_deliveries_job_id", "job_id"),
    Index("ix_deliveries_due", "due_at", postgresql_where=text("state = 'waiting'")),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    words("tenant_id"),
    words("actor"),
    words("action"),
    json_object("details"),
    moment("created_at"),
    Index("ix_audit_tenant_id_id", "tenant_id", "id"),
)
