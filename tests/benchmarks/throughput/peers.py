"""What people write instead: the same rows, the same providers, the same database.

Each gets what makes it quick and costs nothing: no logging, results only where they are needed,
as many threads as our own workers.
"""

import asyncio
import os
import threading
import time
from typing import Any

import asyncpg
import orjson
import psycopg2
import redis

from tests.benchmarks.throughput.vendors import FIELDS, LATENCY_S, NAMES, SURE, known_of

__all__ = [
    "DATABASE",
    "asked",
    "bare_redis",
    "bulk_write",
    "fused",
    "rows_of",
    "script",
    "write_row",
]

#: The variable that holds the database's address for peers in processes of their own.
DATABASE = "BENCH_DATABASE_URL"
_AT_ONCE, _CHUNK = 2000, 200
_ROWS = """
    SELECT r.id, r.data ->> 'company' FROM rows r JOIN tables t ON t.id = r.table_id
    WHERE t.name = %s ORDER BY r.id
"""
_WRITE = """
    UPDATE rows r SET data = r.data || u.more::jsonb
    FROM unnest($1::bigint[], $2::text[]) AS u (id, more) WHERE r.id = u.id
"""
_SET = """
    UPDATE rows r SET data = jsonb_set(jsonb_set(jsonb_set(jsonb_set(r.data,
        '{{{0}}}', '"x"'), '{{{1}}}', '"y"'), '{{{2}}}', '"z"'), '{{{3}}}', '"w"')
    FROM tables t WHERE t.id = r.table_id AND t.name = %s
"""


def rows_of(table: str) -> list[tuple[int, str]]:
    """Give the rows of a table: id and company."""
    with psycopg2.connect(os.environ[DATABASE]) as connection, connection.cursor() as cursor:
        cursor.execute(_ROWS, (table,))
        found = cursor.fetchall()
    connection.close()
    return found


def fused(said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Take of each field the value of who is the most sure."""
    best: dict[str, Any] = {}
    for vendor in sorted(said, key=lambda name: SURE[name]):
        best |= said[vendor]
    return best


# The script: one process, one loop, everything in memory.


def script(table: str) -> float:
    """Enrich a table by an asyncio script, two thousand rows at once; give the seconds."""
    started_s = time.perf_counter()
    asyncio.run(_script(rows_of(table)))
    return time.perf_counter() - started_s


async def _script(rows: list[tuple[int, str]]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)
    async with (
        asyncpg.create_pool(os.environ[DATABASE], min_size=2, max_size=4) as pool,
        asyncio.TaskGroup() as group,
    ):
        for first in range(0, len(rows), _CHUNK):
            group.create_task(_chunk(pool, rows[first : first + _CHUNK], gate))


async def _chunk(pool: Any, rows: list[tuple[int, str]], gate: asyncio.Semaphore) -> None:
    found = await asyncio.gather(*(_row(company, gate) for _, company in rows))
    more = [orjson.dumps(each).decode() for each in found]
    await pool.execute(_WRITE, [number for number, _ in rows], more)


async def _row(company: str, gate: asyncio.Semaphore) -> dict[str, Any]:
    async with gate:
        said = await asyncio.gather(*(asked(name, company) for name in NAMES))
    return fused(dict(zip(NAMES, said, strict=True)))


async def asked(vendor: str, company: str) -> dict[str, Any]:
    """Ask a provider, on a loop."""
    await asyncio.sleep(LATENCY_S)
    return known_of(vendor, company)


# What lies under everybody.


def bulk_write(table: str) -> float:
    """Write four values into every row with one statement of PostgreSQL; give the seconds."""
    connection = psycopg2.connect(os.environ[DATABASE])
    started_s = time.perf_counter()
    with connection, connection.cursor() as cursor:
        cursor.execute(_SET.format(*FIELDS), (table,))
    took_s = time.perf_counter() - started_s
    connection.close()
    return took_s


def bare_redis(url: str, rows: int) -> float:
    """Keep and read an answer a provider and row, two hundred at a time; give the seconds."""
    value = orjson.dumps(known_of(NAMES[0], "Company 1"))
    started_s = time.perf_counter()
    with redis.Redis.from_url(url) as client:
        for first in range(0, rows * len(NAMES), 200):
            keys = [f"bench:{n}" for n in range(first, first + 200)]
            client.mget(keys)
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.set(key, value, ex=600)
            pipeline.execute()
    return time.perf_counter() - started_s


def write_row(number: int, more: dict[str, Any]) -> None:
    """Write one row, on a connection of the thread."""
    with _connection() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rows SET data = data || %s::jsonb WHERE id = %s",
            (orjson.dumps(more).decode(), number),
        )


def _connection() -> Any:
    # A thread keeps its own: peers run many, and psycopg2 does not pool.
    if not hasattr(_own, "connection"):
        _own.connection = psycopg2.connect(os.environ[DATABASE])
    return _own.connection


_own = threading.local()
