"""The database is there and cannot serve: no connection is left, or a migration holds a table."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, text

from enrich.domain.run import RunOptions
from enrich.errors import DatabaseDownError
from enrich.ports import NewRun, Selection
from enrich.store.engine import make_engine
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from tests.store_fixtures import TABLE, TENANT, clean_engine, make_table, store_engine, store_url

__all__ = ["clean_engine", "store_engine", "store_url"]

pytestmark = pytest.mark.servers

_POOL = 3


@pytest.fixture
def narrow(store_url: str, clean_engine: Engine) -> Iterator[Engine]:
    """A process that may have three connections, and waits for one for a tenth of a second."""
    engine = make_engine(store_url, pool_size=_POOL, max_overflow=0, pool_timeout_s=0.1)
    yield engine
    engine.dispose()


def begin(engine: Engine) -> int:
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=("industry",),
        selection=Selection(),
        options=RunOptions(),
        batch_rows=9,
    )
    return PostgresRunStore(engine).create(new, in_flight=9, lease_s=60)[0].id


def runs_in(engine: Engine) -> int:
    with engine.connect() as connection:
        count: int = connection.execute(text("SELECT count(*) FROM runs")).scalar_one()
        return count


def test_f43_who_finds_no_connection_waits_so_long_and_says_so(
    narrow: Engine, clean_engine: Engine
) -> None:
    make_table(PostgresRowStore(clean_engine), 3)

    with ExitStack() as taken:
        for _ in range(_POOL):
            taken.enter_context(narrow.connect())
        with pytest.raises(DatabaseDownError):
            begin(narrow)

    assert runs_in(clean_engine) == 0


def test_f43_work_goes_on_when_connections_are_given_back(
    narrow: Engine, clean_engine: Engine
) -> None:
    make_table(PostgresRowStore(clean_engine), 3)
    with ExitStack() as taken:
        for _ in range(_POOL):
            taken.enter_context(narrow.connect())

    with ThreadPoolExecutor(_POOL) as callers:
        begun = list(callers.map(lambda _: begin(narrow), range(_POOL)))

    assert len(set(begun)) == runs_in(clean_engine) == _POOL
    # None is lost on the way.
    assert narrow.pool.status().endswith(f"Current Checked out connections: {0}")


def test_f43_a_process_waits_no_longer_than_five_seconds(store_url: str) -> None:
    engine = make_engine(store_url)

    assert engine.pool.timeout() <= 5  # type: ignore[attr-defined]


def test_f45_a_step_gives_way_to_a_migration_and_succeeds_after_it(clean_engine: Engine) -> None:
    rows = PostgresRowStore(clean_engine)
    make_table(rows, 3)
    before = rows.read(TENANT, TABLE, ["k1", "k2", "k3"])

    with clean_engine.begin() as migration:
        migration.execute(text("LOCK TABLE rows IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DatabaseDownError):
            begin(clean_engine)
        nothing = migration.execute(text("SELECT count(*) FROM runs")).scalar_one()
    run = begin(clean_engine)

    assert (nothing, runs_in(clean_engine)) == (0, 1)
    assert run
    assert rows.read(TENANT, TABLE, ["k1", "k2", "k3"]) == before
