"""What a step sends to the database, however many rows its batch has."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from enrich.domain.outcome import NotFound
from enrich.domain.paid import Spending
from enrich.domain.run import BatchRef, Phase, Response, RunOptions
from enrich.domain.table import Column
from enrich.ports import NewRow, NewRun, Selection, Settlement
from enrich.store import migrate
from enrich.store.calls import PostgresPaidCalls
from enrich.store.engine import make_engine
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from tests.store_fixtures import NOW

pytestmark = pytest.mark.servers

_ROWS = 50
Step = Callable[[PostgresRunStore, BatchRef], object]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    migrate.upgrade(database_url)
    own = make_engine(database_url)
    yield own
    own.dispose()


def a_batch(engine: Engine) -> BatchRef:
    rows = PostgresRowStore(engine)
    columns = [Column(key="company", field="company_name"), Column(key="city", field="city")]
    rows.save_columns("trips", "t", columns)
    rows.import_rows("trips", "t", [NewRow(key=str(n), data={}) for n in range(_ROWS)])
    new = NewRun(
        tenant="trips",
        table="t",
        wanted=("city",),
        selection=Selection(),
        options=RunOptions(),
        batch_rows=200,
    )
    _, (ref,) = PostgresRunStore(engine).create(new, in_flight=1, lease_s=60)
    return ref


def opened(runs: PostgresRunStore, ref: BatchRef) -> object:
    return runs.open(ref, lease_s=60)


def recorded(runs: PostgresRunStore, ref: BatchRef) -> object:
    batch = runs.open(ref, lease_s=60)
    assert batch is not None
    return runs.record(
        ref,
        [
            Response(
                row=row.id,
                provider="p",
                provider_version="1",
                input_key="k",
                outcome=NotFound(),
                observed_at=NOW,
            )
            for row in batch.rows
        ],
    )


def settled(runs: PostgresRunStore, ref: BatchRef) -> object:
    done = Settlement(writes=(), phase=Phase.DONE)
    return runs.settle(ref, done, in_flight=1, lease_s=60)


@pytest.mark.parametrize(
    ("step", "statements"),
    [
        pytest.param(opened, 1, id="open"),
        pytest.param(recorded, 2, id="open-and-record"),
        pytest.param(settled, 1, id="settle"),
    ],
)
def test_a_step_of_fifty_rows_is_one_statement_and_no_transaction_around_it(
    engine: Engine, step: Step, statements: int
) -> None:
    ref = a_batch(engine)
    # Each statement with whether its connection commits by itself: nothing else is sent then.
    sent: list[bool] = []
    event.listen(
        engine,
        "before_cursor_execute",
        lambda connection, *_: sent.append(connection.connection.dbapi_connection.autocommit),
    )

    step(PostgresRunStore(engine), ref)

    assert sent == [True] * statements


def test_what_is_spent_in_all_scopes_of_a_run_is_one_statement(engine: Engine) -> None:
    sent: list[bool] = []
    event.listen(
        engine,
        "before_cursor_execute",
        lambda connection, *_: sent.append(connection.connection.dbapi_connection.autocommit),
    )
    scopes = ("run:1", "table:t:2026-01-01", "tenant:2026-01-01")

    spent = PostgresPaidCalls(engine).spent("trips", scopes)

    assert sent == [True]
    assert spent == dict.fromkeys(scopes, Spending())


def test_no_level_of_isolation_is_told_to_the_server_around_a_statement(engine: Engine) -> None:
    opened(PostgresRunStore(engine), a_batch(engine))

    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        # One that was named once is taken back after every statement: a round trip of its own.
        assert (driver.isolation_level, driver.autocommit) == (None, False)
