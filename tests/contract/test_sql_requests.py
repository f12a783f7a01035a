"""The outbox: each request is taken by one, begun once, and forgotten after its end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, event

from enrich.domain.table import Column
from enrich.errors import BadInputError
from enrich.ports import NewRow, RowStore
from enrich.ports.requests import NewSqlRequest, SqlRequests
from enrich.store.imports import take_turn
from enrich.store.memory import MemoryDatabase, MemoryRowStore
from enrich.store.memory_requests import MemorySqlRequests
from enrich.store.requests import PostgresSqlRequests
from enrich.store.rows import PostgresRowStore
from enrich.store.tables import find_table

WISH = NewSqlRequest(tenant="default", table="t", row="r", columns=("a",), data={"name": "Acme"})
LONG_S = 600.0


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def stores(request: pytest.FixtureRequest) -> tuple[SqlRequests, RowStore]:
    if request.param == "memory":
        database = MemoryDatabase()
        return MemorySqlRequests(database), MemoryRowStore(database)
    engine: Engine = request.getfixturevalue("clean_engine")
    return PostgresSqlRequests(engine), PostgresRowStore(engine)


@pytest.fixture
def outbox(stores: tuple[SqlRequests, RowStore]) -> SqlRequests:
    return stores[0]


@pytest.fixture
def rows(stores: tuple[SqlRequests, RowStore]) -> RowStore:
    return stores[1]


@contextmanager
def watched(engine: Engine) -> Iterator[list[str]]:
    """Give the statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def take(outbox: SqlRequests, *, retake_s: float = LONG_S) -> list[int]:
    return [one.id for one in outbox.take(retake_s=retake_s, limit=100)]


def test_a_request_comes_back_as_it_was_written(outbox: SqlRequests) -> None:
    outbox.add(WISH)

    (taken,) = outbox.take(retake_s=LONG_S, limit=100)

    assert taken.wish == WISH


def test_what_was_taken_is_not_taken_again(outbox: SqlRequests) -> None:
    number = outbox.add(WISH)

    assert (take(outbox), take(outbox)) == ([number], [])


def test_what_was_taken_and_not_settled_comes_again_in_its_pack(outbox: SqlRequests) -> None:
    outbox.add(WISH)
    (first,) = outbox.take(retake_s=LONG_S, limit=100)
    outbox.add(WISH)

    again = outbox.take(retake_s=0.0, limit=100)

    assert [one.pack == first.pack for one in again] == [True, False]


def test_what_is_settled_never_comes_again(outbox: SqlRequests) -> None:
    outbox.add(WISH)
    outbox.settle("default", take(outbox), run_id=7, said="")

    assert take(outbox, retake_s=0.0) == []


@pytest.mark.parametrize(
    ("other", "packs"),
    [
        pytest.param(WISH, 1, id="alike"),
        pytest.param(NewSqlRequest(tenant="b", table="t", row="r", columns=("a",)), 2, id="tenant"),
        pytest.param(NewSqlRequest(tenant="default", table="u", row="r"), 2, id="table"),
        pytest.param(NewSqlRequest(tenant="default", table="t", row="r"), 2, id="columns"),
        pytest.param(
            NewSqlRequest(
                tenant="default", table="t", row="r", columns=("a",), options={"max_cost": 1}
            ),
            2,
            id="options",
        ),
    ],
)
def test_alike_requests_are_packed(outbox: SqlRequests, other: NewSqlRequest, packs: int) -> None:
    outbox.add(WISH)
    outbox.add(other)

    assert len({one.pack for one in outbox.take(retake_s=LONG_S, limit=100)}) == packs


def test_what_waits_is_brought_in_and_what_was_erased_or_settled_is_not(
    outbox: SqlRequests, rows: RowStore
) -> None:
    rows.save_columns("default", "t", [Column(key="name", field="company_name")])
    here, settled = outbox.add(WISH), outbox.add(WISH)
    outbox.settle("default", [settled], run_id=7, said="")
    erased = 4_000_000_000
    asked = {
        number: NewRow(key=key, data={"name": "Acme"})
        for number, key in ((here, "r"), (settled, "s"), (erased, "e"))
    }

    assert outbox.bring_in("default", "t", asked) == {here}
    assert [row.key for row in rows.scan("default", "t")] == ["r"]


def test_a_request_without_values_waits_and_brings_nothing(
    outbox: SqlRequests, rows: RowStore
) -> None:
    rows.save_columns("default", "t", [Column(key="name", field="company_name")])
    here = outbox.add(replace(WISH, data=None))

    assert outbox.bring_in("default", "t", {here: None}) == {here}
    assert rows.table("default", "t").rows == 0


@pytest.mark.servers
def test_a_request_without_values_waits_for_no_import(clean_engine: Engine) -> None:
    PostgresRowStore(clean_engine).save_columns(
        "default", "t", [Column(key="name", field="company_name")]
    )
    outbox = PostgresSqlRequests(clean_engine)
    here = outbox.add(replace(WISH, data=None))

    with clean_engine.begin() as importing:
        take_turn(importing, find_table(importing, "default", "t"))

        assert outbox.bring_in("default", "t", {here: None}) == {here}


@pytest.mark.servers
def test_a_request_with_values_takes_its_turn_once(clean_engine: Engine) -> None:
    PostgresRowStore(clean_engine).save_columns(
        "default", "t", [Column(key="name", field="company_name")]
    )
    outbox = PostgresSqlRequests(clean_engine)
    here = outbox.add(WISH)

    with watched(clean_engine) as sent:
        outbox.bring_in("default", "t", {here: NewRow(key="r", data={"name": "Acme"})})

    assert sum("pg_advisory_xact_lock" in statement for statement in sent) == 1
    assert sum("lock_timeout" in statement for statement in sent) == 1


def test_the_oldest_come_first(outbox: SqlRequests) -> None:
    numbers = [outbox.add(WISH) for _ in range(5)]

    assert [one.id for one in outbox.take(retake_s=LONG_S, limit=3)] == numbers[:3]


def test_many_who_take_at_once_share_what_waits(outbox: SqlRequests) -> None:
    numbers = [outbox.add(WISH) for _ in range(40)]

    def some(_: int) -> list[int]:
        return [one.id for one in outbox.take(retake_s=LONG_S, limit=10)]

    with ThreadPoolExecutor(8) as pool:
        taken = [number for part in pool.map(some, range(8)) for number in part]

    assert sorted(taken + take(outbox)) == numbers


def test_settled_requests_are_forgotten_and_waiting_ones_are_not(outbox: SqlRequests) -> None:
    outbox.add(WISH)
    outbox.settle("default", take(outbox), run_id=None, said="no")
    waiting = outbox.add(WISH)

    assert outbox.forget(older_than_s=-1.0) == 1
    assert take(outbox) == [waiting]


@pytest.mark.parametrize("empty", ["table", "row"])
def test_a_request_for_nothing_is_refused(outbox: SqlRequests, empty: str) -> None:
    named = {"tenant": "default", "table": "t", "row": "r", empty: ""}

    with pytest.raises(BadInputError):
        outbox.add(NewSqlRequest(**named))  # type: ignore[arg-type] # of no one type
