"""Coroutines that share calls with threads: S15 to S18, S20 and S21."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from enrich.state.singleflight import Flight, Flights
from tests.unit.gates import Gate
from tests.waiting import eventually


@pytest.fixture
def flights() -> Flights:
    return Flights()


@pytest.fixture
def gate(flights: Flights) -> Gate:
    return Gate(flights)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_s15_s16_s21_a_cancelled_coroutine_ends_its_own_waiting_only(
    flights: Flights, gate: Gate, pool: ThreadPoolExecutor
) -> None:
    async def all_at_once() -> list[Any]:
        tasks = [
            asyncio.create_task(asyncio.to_thread(flights.do, "k", gate.work)) for _ in range(3)
        ]
        await asyncio.to_thread(gate.entered.acquire, timeout=60)
        thread = pool.submit(flights.do, "k", gate.work)
        # One that a pool has not begun yet would be cancelled without ever waiting.
        assert await asyncio.to_thread(eventually, lambda: flights.waiting("k") == 3)
        tasks[0].cancel()
        await asyncio.to_thread(gate.open_when, 3)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        return [*ended, thread.result(60)]

    cancelled, *others = asyncio.run(all_at_once())

    assert isinstance(cancelled, asyncio.CancelledError)
    assert [other.value for other in others] == ["value"] * 3
    assert gate.begun == 1


def test_s17_s18_when_all_are_cancelled_the_key_is_free_and_nothing_is_logged(
    flights: Flights, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    gate.result = LookupError("nobody is left to hear it")

    async def cancelled() -> None:
        task = asyncio.create_task(asyncio.to_thread(flights.do, "k", gate.work))
        await asyncio.to_thread(gate.entered.acquire, timeout=60)
        task.cancel()
        gate.open.set()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())

    assert len(flights) == 0
    # What asyncio, pools and we say of an error that nobody has fetched.
    told = ("asyncio", "concurrent", "enrich")
    assert [r for r in caplog.records if r.name.startswith(told)] == []


def test_s20_two_event_loops_share_a_call(
    flights: Flights, gate: Gate, pool: ThreadPoolExecutor
) -> None:
    async def ask() -> Flight[Any]:
        return await asyncio.to_thread(flights.do, "k", gate.work)

    loops = [pool.submit(asyncio.run, ask()) for _ in range(2)]
    gate.open_when(1)

    assert [loop.result(60) for loop in loops] == [Flight("value", shared=True)] * 2
