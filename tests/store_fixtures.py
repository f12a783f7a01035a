"""A database of its own for the tests of the store, and builders for what lies in it."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from sqlalchemy import Engine, event

from enrich.domain.outcome import Found, Outcome
from enrich.domain.run import BatchRef, Response
from enrich.domain.table import CellState, CellWrite, Column, Overwrite, Provenance, Stamp
from enrich.domain.values import Json, Observation
from enrich.ports import NewRow, RowStore
from enrich.store import migrate
from enrich.store.engine import make_engine

__all__ = [
    "clean_engine",
    "empty_database_url",
    "engine_behind_walls",
    "patient_engine",
    "patient_store_engine",
    "store_engine",
    "store_url",
    "walled_engine",
]

TENANT, TABLE = "acme", "companies"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

COLUMNS = (
    Column(key="name", field="company_name"),
    Column(key="industry", field="industry", enriched=True, position=1),
    Column(key="city", field="city", enriched=True, position=2),
    Column(key="size", field="size", enriched=True, position=3, overwrite=Overwrite.ALWAYS),
)

#: Some ten times as quick as truncation, which makes new files for each table and each index; it
#: waits for whoever still writes, as that does. What only grows has a trigger against deletion.
_EMPTY = """
    DO $$ DECLARE name regclass; BEGIN
        PERFORM set_config('session_replication_role', 'replica', true);
        FOR name IN
            SELECT oid FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
              AND NOT relispartition AND relname NOT IN ('alembic_version', 'embedding_models')
        LOOP
            EXECUTE format('LOCK TABLE %%s IN SHARE ROW EXCLUSIVE MODE', name);
            EXECUTE format('DELETE FROM %%s', name);
        END LOOP;
    END $$;
    ALTER SEQUENCE stamps RESTART
"""
#: The program gives up sooner than a slow machine has emptied what a test filled.
_PATIENTLY = "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '60s'"


def put_row(rows: RowStore, tenant: str, table: str, row: NewRow) -> int:
    """Bring in one row; give its id."""
    rows.import_rows(tenant, table, [row])
    (found,) = rows.read(tenant, table, [row.key])
    return found.id


def administer(server_url: str, statement: str) -> None:
    """Run one statement outside of any transaction."""
    connection = psycopg2.connect(server_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _beside(database_url: str, suffix: str) -> Iterator[str]:
    parts = urlsplit(database_url)
    # Each folder that imports these fixtures has its own.
    name = f"{parts.path.removeprefix('/')}_{suffix}_{secrets.token_hex(3)}"
    administer(database_url, f"CREATE DATABASE {name}")
    yield parts._replace(path=f"/{name}").geturl()
    administer(database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def store_url(database_url: str) -> Iterator[str]:
    """The address of a migrated database that no other tests use."""
    for url in _beside(database_url, "store"):
        migrate.upgrade(url)
        yield url


@pytest.fixture
def empty_database_url(database_url: str) -> Iterator[str]:
    """The address of a database without any table."""
    yield from _beside(database_url, "empty")


def patient_engine(url: str, *, pool_size: int, is_walled: bool = False) -> Engine:
    """Make the program's connections, which wait for locks for as long as a slow machine takes."""
    engine = make_engine(url, pool_size=pool_size, pool_timeout_s=60.0, is_walled=is_walled)
    event.listen(engine, "connect", _set_long_limits)
    return engine


def _set_long_limits(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET {limit} = '100s'")
    connection.commit()


@pytest.fixture(scope="session")
def store_engine(store_url: str) -> Iterator[Engine]:
    """Connections to it."""
    engine = make_engine(store_url, pool_size=10)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def patient_store_engine(store_url: str) -> Iterator[Engine]:
    """The same, for where nobody is to give up: conftests import it as `store_engine`."""
    engine = patient_engine(store_url, pool_size=10)
    yield engine
    engine.dispose()


@pytest.fixture
def clean_engine(store_engine: Engine) -> Engine:
    """Connections to it, with nothing in its tables."""
    with store_engine.begin() as connection:
        connection.exec_driver_sql(_PATIENTLY)
        connection.exec_driver_sql(_EMPTY)
    return store_engine


@pytest.fixture(scope="session")
def engine_behind_walls(store_url: str) -> Iterator[Engine]:
    """Connections to it behind the walls between tenants, which wait for long."""
    engine = patient_engine(store_url, pool_size=10, is_walled=True)
    yield engine
    engine.dispose()


@pytest.fixture
def walled_engine(clean_engine: Engine, engine_behind_walls: Engine) -> Engine:
    """Connections that see what their transactions name, with nothing in the tables."""
    return engine_behind_walls


def make_table(rows: RowStore, count: int = 0, *, tenant: str = TENANT) -> list[int]:
    """Make the table with rows k1, k2 … that have a name; give their ids."""
    rows.save_columns(tenant, TABLE, COLUMNS)
    keys = [f"k{number}" for number in range(1, count + 1)]
    rows.import_rows(tenant, TABLE, (NewRow(key=key, data={"name": f"Firm {key}"}) for key in keys))
    return [row.id for row in rows.read(tenant, TABLE, keys)]


def provenance(
    number: int,
    attempt: int = 1,
    *,
    state: CellState = CellState.FILLED,
    provider: str = "opencorp",
    confidence: float = 0.9,
    observed_at: datetime = NOW,
) -> Provenance:
    """Build the provenance of a write."""
    return Provenance(
        state=state,
        stamp=Stamp(number, attempt),
        provider=provider,
        confidence=confidence,
        observed_at=observed_at,
        support=1,
        agreement=1.0,
    )


def filled(row: int, column: str, value: Json, number: int, attempt: int = 1) -> CellWrite:
    """Build the write of a value by a provider."""
    return CellWrite(row=row, column=column, value=value, provenance=provenance(number, attempt))


def ended(row: int, column: str, state: CellState, number: int, attempt: int = 1) -> CellWrite:
    """Build the write of a state that is not filled."""
    return CellWrite(
        row=row, column=column, provenance=provenance(number, attempt, state=state, provider="")
    )


def said(
    row: int, outcome: Outcome | None = None, *, provider: str = "opencorp", key: str = "q"
) -> Response:
    """Build a response; by default a found industry."""
    found = Found({"industry": Observation(value="Tools", confidence=0.9)})
    return Response(
        row=row,
        provider=provider,
        provider_version="1",
        input_key=key,
        outcome=outcome or found,
        observed_at=NOW,
    )


def by(ref: BatchRef, response: Response) -> Response:
    """Give a response as it comes back when that batch has recorded it."""
    return replace(response, batch=ref.number, attempt=ref.attempt)
