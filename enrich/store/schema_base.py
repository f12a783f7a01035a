"""What the tables are made of: the names of their parts, and columns that many have."""

from sqlalchemy import CheckConstraint, Column, DateTime, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

__all__ = ["TODAY", "json_object", "metadata", "moment", "run_tenant", "state_of", "words"]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

#: The day as every server sees it.
TODAY = "(now() AT TIME ZONE 'UTC'::text)::date"


def moment(name: str, *, nullable: bool = False) -> "Column[object]":
    """Make a moment, by default that of the insert."""
    default = None if nullable else func.now()
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=default)


def json_object(name: str) -> "Column[object]":
    """Make an object, by default an empty one."""
    return Column(name, JSONB, nullable=False, server_default=text("'{}'"))


def words(name: str) -> "Column[str]":
    """Make a text that is always there."""
    return Column(name, Text, nullable=False)


def state_of(*allowed: str) -> CheckConstraint:
    """Make the rule that names the states."""
    named = ", ".join(repr(state) for state in allowed)
    return CheckConstraint(f"state IN ({named})", name="state")


def run_tenant() -> "Column[str]":
    """Make the name of a run's tenant: that of whoever writes, empty in what is older."""
    default = text("NULLIF(current_setting('enrich.tenant'::text, true), ''::text)")
    return Column("tenant_id", Text, server_default=default)
