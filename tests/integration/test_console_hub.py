"""One reading for all who watch."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from enrich.api.console.hub import Hub, Read, Section
from enrich.api.problems import ProblemError
from enrich.domain.values import JsonObject
from enrich.errors import DatabaseDownError

BEAT = b"event: beat"


def counting(name: str, *, shared: bool = False) -> tuple[Section, list[str]]:
    """Make a section whose reading grows, and the list of those it was read for."""
    reads: list[str] = []

    def begin(tenant: str) -> Read:
        def read() -> JsonObject:
            reads.append(tenant)
            return {"n": len(reads), "tenant": tenant}

        return read

    return Section(name=name, period_s=0.005, begin=begin, shared=shared), reads


async def until(frames: AsyncIterator[bytes], holds: Callable[[bytes], bool]) -> bytes:
    """Give the first frame that is as it should be."""
    async with asyncio.timeout(60):
        async for frame in frames:
            if holds(frame):
                return frame
    raise AssertionError("the stream has ended")


def number_in(frame: bytes) -> int:
    """Read the number of a reading; 0 in a beat."""
    found = re.search(rb'"n":(\d+)', frame)
    return int(found[1]) if found else 0


def test_however_many_watch_it_is_read_as_often_as_for_one() -> None:
    section, reads = counting("runs")
    hub = Hub([section])

    async def watch_ten() -> list[bytes]:
        viewers = [hub.watch("acme") for _ in range(10)]
        seen = await asyncio.gather(*(until(one, lambda f: number_in(f) >= 5) for one in viewers))
        await asyncio.gather(*(one.aclose() for one in viewers))
        return list(seen)

    seen = asyncio.run(watch_ten())

    assert len(seen) == 10
    assert len(reads) < 20


def test_a_tenant_is_told_of_itself_and_of_what_all_share() -> None:
    own, _ = counting("runs")
    shared, read_for = counting("system", shared=True)
    hub = Hub([own, shared])

    async def watch_two() -> bytes:
        async with aclosing(hub.watch("other")), aclosing(hub.watch("acme")) as frames:
            await until(frames, lambda frame: b"event: runs" in frame)
            return await until(frames, lambda frame: b"event: system" in frame)

    told = asyncio.run(watch_two())

    assert b"other" not in told
    assert set(read_for) == {""}


def test_nothing_is_read_when_the_last_has_left() -> None:
    section, reads = counting("runs")
    hub = Hub([section])

    async def look_and_leave() -> int:
        async with aclosing(hub.watch("acme")) as frames:
            await until(frames, lambda frame: b"runs" in frame)
        left = 0
        async with asyncio.timeout(60):
            # A reading that was under way may end, whenever its thread is let on.
            while left < len(reads):
                left = len(reads)
                await asyncio.sleep(0.1)
        return left

    assert asyncio.run(look_and_leave()) > 0


def test_whoever_is_slow_gets_the_newest_reading_alone() -> None:
    section, reads = counting("runs")
    hub = Hub([section])

    async def dawdle() -> bytes:
        async with aclosing(hub.watch("acme")) as frames:
            await until(frames, lambda frame: b"runs" in frame)
            async with asyncio.timeout(60):
                while len(reads) < 10:
                    await asyncio.sleep(0.001)
            return await until(frames, lambda frame: b"runs" in frame)

    told = asyncio.run(dawdle())

    assert told.count(b"event: runs") == 1
    assert number_in(told) >= 9


def test_a_server_that_is_away_is_told_of_in_its_section() -> None:
    def fail() -> JsonObject:
        raise DatabaseDownError("the database does not answer")

    hub = Hub([Section(name="runs", period_s=1, begin=lambda _: fail)])

    async def look() -> bytes:
        async with aclosing(hub.watch("acme")) as frames:
            return await until(frames, lambda frame: BEAT not in frame)

    assert asyncio.run(look()) == (
        b'event: runs\ndata: {"error":"the database does not answer"}\n\n'
    )


def test_there_is_a_beat_where_nothing_changes() -> None:
    hub = Hub([Section(name="runs", period_s=60, begin=lambda _: dict)])

    async def look() -> bytes:
        async with aclosing(hub.watch("acme")) as frames:
            return await until(frames, lambda frame: BEAT in frame)

    assert asyncio.run(look()).endswith(b"\n\n")


def test_one_viewer_too_many_is_refused() -> None:
    hub = Hub([], most_viewers=1)

    async def crowd() -> None:
        async with aclosing(hub.watch("acme")) as frames:
            await anext(frames)
            hub.check()

    with pytest.raises(ProblemError, match="1 consoles are open"):
        asyncio.run(crowd())


def test_at_its_end_all_are_let_go() -> None:
    section, _ = counting("runs")
    hub = Hub([section])

    async def look() -> list[bytes]:
        frames = []
        async for frame in hub.watch("acme"):
            frames.append(frame)
            hub.end()
        return frames

    assert asyncio.run(look())
