"""The tables as SQLAlchemy sees them; `migrations/` makes them, and a test compares the two."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from enrich.store.schema_base import TODAY, json_object, metadata, moment, run_tenant, words
from enrich.store.schema_callbacks import callbacks
from enrich.store.schema_callers import callers
from enrich.store.schema_ledger import paid_calls, responses
from enrich.store.schema_requests import requests
from enrich.store.schema_schedules import schedules
from enrich.store.schema_service import (
    audit,
    deliveries,
    embedding_models,
    idempotency_keys,
    jobs,
    webhooks,
)

__all__ = [
    "access_keys",
    "audit",
    "batches",
    "callbacks",
    "callers",
    "columns",
    "credentials",
    "deliveries",
    "embedding_models",
    "idempotency_keys",
    "jobs",
    "labels",
    "metadata",
    "paid_calls",
    "requests",
    "responses",
    "rows",
    "runs",
    "schedules",
    "stamps",
    "tables",
    "tenants",
    "trust_states",
    "webhooks",
]

#: Numbers runs and typed values alike, so that any two writes of one cell have an order.
stamps = Sequence("stamps", metadata=metadata, data_type=BigInteger)

_OPEN = "phase IN ('queued', 'probe', 'premium')"


def _of_table() -> ForeignKeyConstraint:
    # The pair makes it impossible to hang a tenant's row or run on another tenant's table.
    return ForeignKeyConstraint(
        ["table_id", "tenant_id"], ["tables.id", "tables.tenant_id"], ondelete="CASCADE"
    )


tenants = Table("tenants", metadata, Column("id", Text, primary_key=True), moment("created_at"))

tables = Table(
    "tables",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    words("name"),
    moment("created_at"),
    UniqueConstraint("tenant_id", "name", name="uq_tables_tenant_id_name"),
    UniqueConstraint("id", "tenant_id", name="uq_tables_id_tenant_id"),
)

columns = Table(
    "columns",
    metadata,
    Column("table_id", ForeignKey("tables.id", ondelete="CASCADE"), nullable=False),
    words("key"),
    words("field"),
    Column("enriched", Boolean, nullable=False),
    words("overwrite"),
    Column("min_confidence", Double, nullable=False),
    Column("position", Integer, nullable=False),
    Column("prompt", JSONB),
    Column("fusion", Text, nullable=False, server_default=text("''")),
    Column("worth_microcredits", BigInteger),
    Column("loss_microcredits", BigInteger),
    PrimaryKeyConstraint("table_id", "key"),
    CheckConstraint("worth_microcredits > 0", name="worth"),
    CheckConstraint("loss_microcredits >= 0", name="loss"),
    CheckConstraint("overwrite IN ('never', 'always')", name="overwrite"),
    CheckConstraint("fusion IN ('', 'best', 'ensemble', 'learned')", name="fusion"),
    CheckConstraint("prompt IS NULL OR jsonb_typeof(prompt) = 'object'", name="prompt"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    words("credential"),
    words("name"),
    words("sealed"),
    moment("created_at"),
    UniqueConstraint(
        "tenant_id", "credential", "name", name="uq_credentials_tenant_id_credential_name"
    ),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("prefix", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    words("name"),
    words("hash"),
    Column("scopes", ARRAY(Text), nullable=False),
    moment("created_at"),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    Index("ix_access_keys_tenant_id", "tenant_id"),
)

rows = Table(
    "rows",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("table_id", BigInteger, nullable=False),
    words("tenant_id"),
    words("key"),
    json_object("data"),
    json_object("cells"),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    moment("created_at"),
    moment("updated_at"),
    UniqueConstraint("table_id", "key", name="uq_rows_table_id_key"),
    _of_table(),
    CheckConstraint("jsonb_typeof(data) = 'object'", name="data"),
    CheckConstraint("jsonb_typeof(cells) = 'object'", name="cells"),
    Index("ix_rows_table_id_id", "table_id", "id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, stamps, server_default=stamps.next_value(), primary_key=True),
    words("tenant_id"),
    Column("table_id", BigInteger, nullable=False),
    Column("wanted", ARRAY(Text), nullable=False),
    Column("options", JSONB, nullable=False),
    Column("reply_to", Text, nullable=False, server_default=text("''")),
    words("state"),
    json_object("counts"),
    Column("rows_total", BigInteger, nullable=False, server_default=text("0")),
    Column("batches_total", Integer, nullable=False, server_default=text("0")),
    Column("batches_ended", Integer, nullable=False, server_default=text("0")),
    moment("started_at"),
    moment("finished_at", nullable=True),
    Column("filed_on", Date, nullable=False, server_default=text(TODAY)),
    _of_table(),
    CheckConstraint("state IN ('running', 'done', 'cancelled')", name="state"),
    CheckConstraint("batches_ended BETWEEN 0 AND batches_total", name="ended"),
    Index("ix_runs_tenant_id_id", "tenant_id", "id"),
    Index("ix_runs_table_id", "table_id"),
    Index("uq_runs_reply_to", "reply_to", unique=True, postgresql_where=text("reply_to <> ''")),
)

batches = Table(
    "batches",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    words("phase"),
    Column("wave", Integer, nullable=False, server_default=text("0")),
    Column("attempt", Integer, nullable=False, server_default=text("1")),
    Column("lost", Integer, nullable=False, server_default=text("0")),
    moment("lease_until", nullable=True),
    moment("ready_at", nullable=True),
    Column("row_ids", ARRAY(BigInteger), nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("holder", Text, nullable=False, server_default=text("''")),
    Column("unopened", SmallInteger, nullable=False, server_default=text("0")),
    run_tenant(),
    PrimaryKeyConstraint("run_id", "number"),
    CheckConstraint(
        "phase IN ('queued', 'probe', 'premium', 'done', 'parked', 'cancelled')", name="phase"
    ),
    Index("ix_batches_open", "run_id", "phase", postgresql_where=text(_OPEN)),
)

trust_states = Table(
    "trust_states",
    metadata,
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("state", JSONB, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    moment("created_at"),
    PrimaryKeyConstraint("tenant_id", "version"),
)

labels = Table(
    "labels",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("row_id", ForeignKey("rows.id", ondelete="CASCADE"), nullable=False),
    words("column_key"),
    Column("is_right", Boolean, nullable=False),
    Column("value", JSONB, nullable=False),
    words("kind"),
    Column("actor", Text, nullable=False, server_default=text("''")),
    moment("created_at"),
    CheckConstraint("kind IN ('person', 'verification', 'agreement')", name="kind"),
    Index("ix_labels_row_id", "row_id"),
)
