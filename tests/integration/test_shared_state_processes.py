"""Breaker, governor and their counts stay exact when many processes use them at once."""

import multiprocessing
import os
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from itertools import chain
from typing import Any, TypeVar

import pytest

from enrich.domain.calls import CallReport
from enrich.domain.policy import BreakerPolicy
from enrich.domain.rate import RateLimit
from enrich.state.breaker import RedisBreakers
from enrich.state.governor import RedisGovernor
from enrich.state.link import RedisLink
from enrich.state.metrics import RedisMetrics
from tests.contract.shared_world import Sums
from tests.integration.arrivals import counting_server

pytestmark = pytest.mark.servers

T = TypeVar("T")

#: 400 for the long form.
_CALLS = int(os.environ.get("ENRICH_GOVERNED_CALLS", "100"))
_LIMIT = RateLimit(20, 1.0)
#: Nothing that is counted here is forgotten before it is read, however slow the machine is.
_TOO_MANY_TO_OPEN = BreakerPolicy(failure_threshold=1_000_000, window_s=300)
_LASTING_PERMITS = BreakerPolicy(permit_s=600.0)


class WallClock:
    """The time of this machine, the same for all processes of a test."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


@pytest.fixture
def key() -> str:
    """A breaker of this test alone."""
    return f"acme-{secrets.token_hex(4)}"


@pytest.fixture
def breakers(redis_url: str) -> Iterator[RedisBreakers]:
    link = RedisLink(redis_url, timeout_s=5.0)
    yield _breakers(link, _TOO_MANY_TO_OPEN)
    link.close()


@pytest.fixture
def arrivals() -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """A provider's port, and (booked start, arrival) of each call to it, in epoch µs."""
    with counting_server(time.time_ns) as counted:
        yield counted


def test_b43_f54_eight_processes_get_three_trials_in_all(
    redis_url: str, breakers: RedisBreakers, key: str
) -> None:
    breakers.force(key, "half_open")

    granted = at_once(8, partial(acquire_often, redis_url, key, 200))

    assert sum(granted) == 3


def test_b69_failures_of_four_processes_are_all_counted(
    redis_url: str, breakers: RedisBreakers, key: str
) -> None:
    at_once(4, partial(fail_often, redis_url, key, 500))

    assert breakers.status([key])[key].failures == 2000


def test_c44_counts_of_four_processes_are_exact(redis_url: str, key: str) -> None:
    at_once(4, partial(count_often, redis_url, key, 1000))

    link = RedisLink(redis_url, timeout_s=5.0)
    sums = RedisMetrics(link, flush_s=None).read()
    link.close()
    assert sums.total("gets", provider=key) == 4000
    assert sums.timing("provider_call", provider=key).count == 4000


@pytest.mark.slow
def test_four_processes_together_keep_a_providers_limit(
    redis_url: str,
    key: str,
    arrivals: tuple[int, list[tuple[int, int]]],
) -> None:
    port, seen = arrivals

    booked = sorted(chain(*at_once(4, partial(call_often, redis_url, key, port, _CALLS // 4))))

    assert len(seen) == len(booked) == _CALLS // 4 * 4
    assert _fullest(booked) <= _LIMIT.count
    assert all(arrival >= start for start, arrival in seen)


def acquire_often(redis_url: str, key: str, times: int) -> int:
    link = RedisLink(redis_url, timeout_s=5.0)
    breakers = _breakers(link, _LASTING_PERMITS)
    granted = sum(breakers.acquire(key).granted for _ in range(times))
    link.close()
    return granted


def fail_often(redis_url: str, key: str, times: int) -> None:
    link = RedisLink(redis_url, timeout_s=5.0)
    breakers = _breakers(link, _TOO_MANY_TO_OPEN)
    for _ in range(times):
        breakers.report(key, breakers.acquire(key), CallReport(failures=1))
    link.close()


def count_often(redis_url: str, key: str, times: int) -> None:
    metrics = RedisMetrics(RedisLink(redis_url, timeout_s=5.0), flush_s=0.01)
    for _ in range(times):
        metrics.count("gets", labels={"provider": key})
        metrics.observe("provider_call", 0.01, {"provider": key})
    metrics.close()


def call_often(redis_url: str, key: str, port: int, calls: int) -> list[int]:
    """Make calls when the governor lets us; give their booked starts in epoch µs."""
    link = RedisLink(redis_url, timeout_s=5.0)
    asked: list[int] = []

    def now_us() -> int:
        asked.append(time.time_ns() // 1000)
        return asked[-1]

    governor = RedisGovernor(link, clock=WallClock(), recorder=Sums(), now_us=now_us)
    provider = HTTPConnection("127.0.0.1", port, timeout=60)
    booked: list[int] = []
    while len(booked) < calls:
        slots = governor.reserve(
            key, want=min(5, calls - len(booked)), max_delay_s=3.0, limits=[_LIMIT]
        )
        for delay_s in slots.delays_s:
            start_us = asked[-1] + round(delay_s * 1_000_000)
            _call_at(provider, start_us)
            booked.append(start_us)
        if slots.retry_at is not None:
            time.sleep(max(0.0, slots.retry_at.timestamp() - time.time()))
    provider.close()
    link.close()
    return booked


def at_once(processes: int, work: Callable[[], T]) -> list[T]:
    """Do the same in several processes that start together; give what each gave."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    gate, results = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_after, args=(gate, work, results)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    given = [results.get(timeout=100) for _ in workers]
    for worker in workers:
        worker.join()
    results.close()
    return given


def _after(gate: Any, work: Callable[[], Any], results: Any) -> None:
    gate.wait(100)
    results.put(work())


def _call_at(provider: HTTPConnection, start_us: int) -> None:
    # A clock that is being set right may be behind after a sleep.
    while (left_s := start_us / 1_000_000 - time.time()) > 0:
        time.sleep(left_s)
    provider.request("GET", f"/{start_us}")
    provider.getresponse().read()


def _breakers(link: RedisLink, policy: BreakerPolicy) -> RedisBreakers:
    return RedisBreakers(link, policy, clock=WallClock(), recorder=Sums())


def _fullest(starts_us: list[int]) -> int:
    return max(sum(a <= b < a + 1_000_000 for b in starts_us) for a in starts_us)
