"""Work for many requests at once: who goes with whom, and what becomes of each."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from enrich.api.gathered import Gathered
from enrich.errors import DatabaseDownError


class Work:
    """Doubles numbers; remembers its groups, and holds them until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(items))
        assert self.may_go.wait(60)
        if 13 in items:
            raise ValueError("13 brings bad luck")
        if 99 in items:
            raise DatabaseDownError("away")
        return [2 * item for item in items]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def asked(work: Work, pool: ThreadPoolExecutor, *items: int, most: int = 50) -> list[object]:
    """Ask for all at once."""

    async def ask() -> list[object]:
        gathered = Gathered(work, pool, most=most, at_once=1)
        return list(await asyncio.gather(*map(gathered, items), return_exceptions=True))

    return asyncio.run(ask())


def test_who_comes_together_goes_together(pool: ThreadPoolExecutor) -> None:
    work = Work()

    assert asked(work, pool, 1, 2, 3) == [2, 4, 6]
    assert work.groups == [[1, 2, 3]]


def test_a_group_has_a_most(pool: ThreadPoolExecutor) -> None:
    work = Work()

    assert asked(work, pool, 1, 2, 3, most=2) == [2, 4, 6]
    assert work.groups == [[1, 2], [3]]


def test_one_at_fault_is_told_so_and_no_other(pool: ThreadPoolExecutor) -> None:
    work = Work()

    first, second, third = asked(work, pool, 1, 13, 3)

    assert (first, third) == (2, 6)
    assert isinstance(second, ValueError)


def test_where_a_server_is_away_nothing_is_done_twice(pool: ThreadPoolExecutor) -> None:
    work = Work()

    told = asked(work, pool, 1, 99)

    assert [type(each) for each in told] == [DatabaseDownError] * 2
    assert work.groups == [[1, 99]]


def test_who_comes_meanwhile_waits_for_the_next_group_and_may_leave(
    pool: ThreadPoolExecutor,
) -> None:
    work = Work()
    work.may_go.clear()

    async def ask() -> list[int]:
        gathered = Gathered(work, pool, at_once=1)
        first = asyncio.create_task(gathered(1))
        while not work.groups:
            await asyncio.sleep(0)
        second, third = asyncio.create_task(gathered(2)), asyncio.create_task(gathered(3))
        await asyncio.sleep(0)
        second.cancel()
        work.may_go.set()
        return [await first, await third]

    assert asyncio.run(ask()) == [2, 6]
    assert work.groups == [[1], [2, 3]]
