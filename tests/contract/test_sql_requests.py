"""The outbox: each request is taken by one, begun once, and forgotten after its end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from enrich.errors import BadInputError
from enrich.ports.requests import NewSqlRequest, SqlRequests
from enrich.store.memory import MemoryDatabase
from enrich.store.memory_requests import MemorySqlRequests
from enrich.store.requests import PostgresSqlRequests

WISH = NewSqlRequest(tenant="default", table="t", row="r", columns=("a",), data={"name": "Acme"})
LONG_S = 600.0


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def outbox(request: pytest.FixtureRequest) -> Iterator[SqlRequests]:
    if request.param == "memory":
        yield MemorySqlRequests(MemoryDatabase())
        return
    engine: Engine = request.getfixturevalue("clean_engine")
    yield PostgresSqlRequests(engine)


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


def test_settling_tells_of_those_that_are_not_there_any_more(outbox: SqlRequests) -> None:
    outbox.add(WISH)
    (here,) = take(outbox)

    assert list(outbox.settle("default", [here, 4_000_000_000], run_id=7, said="")) == [
        4_000_000_000
    ]


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
