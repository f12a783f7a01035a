"""Dramatiq: a group a row with a callback at its completion, and one message a row.

`dramatiq tests.benchmarks.throughput.groups`
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend

from tests.benchmarks.throughput.peers import fused, write_row
from tests.benchmarks.throughput.vendors import LATENCY_S, NAMES, known_of

__all__ = ["by_group", "by_message"]

_url = os.environ.get("BENCH_BROKER_URL", "redis://localhost")
_broker = RedisBroker(url=_url)
_broker.add_middleware(GroupCallbacks(RedisBackend(url=_url)))
dramatiq.set_broker(_broker)
# A callback is not given what was said: it lies in Redis.
_said = redis.Redis.from_url(_url, decode_responses=True)
_calls = ThreadPoolExecutor(192)


@dramatiq.actor
def ask(vendor: str, number: int, company: str) -> None:
    """Ask a provider, and keep what it says for the callback."""
    time.sleep(LATENCY_S)
    known = {f"{vendor}|{field}": value for field, value in known_of(vendor, company).items()}
    _said.hset(f"said:{number}", mapping=known)


@dramatiq.actor
def join(number: int) -> None:
    """Fuse and write."""
    said: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
    for key, value in _said.hgetall(f"said:{number}").items():  # type: ignore[union-attr]
        vendor, _, field = key.partition("|")
        said[vendor][field] = value
    _said.delete(f"said:{number}")
    write_row(number, fused(said))


@dramatiq.actor
def whole(number: int, company: str) -> None:
    """Ask all three at once, fuse and write."""
    said = _calls.map(partial(_asked, company), NAMES)
    write_row(number, fused(dict(zip(NAMES, said, strict=True))))


def _asked(company: str, vendor: str) -> dict[str, Any]:
    time.sleep(LATENCY_S)
    return known_of(vendor, company)


def by_group(rows: list[tuple[int, str]]) -> None:
    """Send a group a row."""
    for number, company in rows:
        group = dramatiq.group([ask.message(name, number, company) for name in NAMES])
        group.add_completion_callback(join.message(number))
        group.run()


def by_message(rows: list[tuple[int, str]]) -> None:
    """Send one message a row."""
    for number, company in rows:
        whole.send(number, company)
