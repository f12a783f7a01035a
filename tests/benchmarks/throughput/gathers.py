"""Taskiq: a task a provider and row that the sender gathers and writes, and one message a row.

`taskiq worker tests.benchmarks.throughput.gathers:broker`
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import asyncpg
import orjson
from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqState, gather
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from tests.benchmarks.throughput.peers import DATABASE, asked, fused
from tests.benchmarks.throughput.vendors import NAMES

__all__ = ["broker", "by_gather", "by_message"]

_url = os.environ.get("BENCH_BROKER_URL", "redis://localhost")
broker = RedisStreamBroker(url=_url, queue_name="gathers").with_result_backend(
    RedisAsyncResultBackend(redis_url=_url, keep_results=False, result_ex_time=600)
)
_AT_ONCE = 500
_WRITE = "UPDATE rows SET data = data || $1::jsonb WHERE id = $2"


@broker.on_event(TaskiqEvents.WORKER_STARTUP, TaskiqEvents.CLIENT_STARTUP)
async def open_pool(state: TaskiqState) -> None:
    """Connect to the database."""
    state.pool = await asyncpg.create_pool(os.environ[DATABASE], min_size=2, max_size=4)


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN, TaskiqEvents.CLIENT_SHUTDOWN)
async def close_pool(state: TaskiqState) -> None:
    """Leave the database."""
    await state.pool.close()


@broker.task
async def ask(vendor: str, company: str) -> dict[str, Any]:
    """Ask a provider."""
    return await asked(vendor, company)


@broker.task
async def whole(number: int, company: str, context: Annotated[Context, TaskiqDepends()]) -> None:
    """Ask all three at once, fuse and write."""
    said = await asyncio.gather(*(asked(name, company) for name in NAMES))
    await _write(context.state.pool, number, said)


def by_gather(rows: list[tuple[int, str]]) -> None:
    """Send a task a provider and row, gather what they give, and write it."""
    _sender.run(_each(rows, _gathered))


def by_message(rows: list[tuple[int, str]]) -> None:
    """Send one message a row."""
    _sender.run(_each(rows, whole.kiq))


# One loop for all that is sent: the connections belong to it.
_sender = asyncio.Runner()


async def _each(rows: list[tuple[int, str]], work: Callable[..., Awaitable[object]]) -> None:
    """Do it for every row, some hundred at once."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, company: str) -> None:
        async with gate:
            await work(number, company)

    await broker.startup()
    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(one(*row))
    await broker.shutdown()


async def _gathered(number: int, company: str) -> None:
    sent = [await ask.kiq(name, company) for name in NAMES]
    said = await gather(*sent)
    await _write(broker.state.pool, number, [each.return_value for each in said])


async def _write(pool: Any, number: int, said: list[dict[str, Any]]) -> None:
    more = fused(dict(zip(NAMES, said, strict=True)))
    await pool.execute(_WRITE, orjson.dumps(more).decode(), number)
