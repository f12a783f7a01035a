"""Forty waiters in eight processes on one key: when they have the answer, and who was called.

A waiter's lag is the time from the moment when the leader's answer lay in the cache to the moment
when the waiter has read it.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import Queue
from statistics import median
from typing import Any, TypeVar

from enrich.domain.policy import CachePolicy, SingleflightPolicy
from enrich.ports import CacheEntry
from enrich.state.cache import RedisCache
from enrich.state.leases import RedisLeases
from enrich.state.link import RedisLink
from tests.benchmarks.measuring import Figure
from tests.benchmarks.places import Place

__all__ = ["waiters"]

_PROCESSES, _THREADS = 8, 5
_CROWD = _PROCESSES * _THREADS
_PATIENCE_S = 60.0
_ROUNDS = 7
_LEASE_S = 2.0
_FORKS = multiprocessing.get_context("forkserver")
T = TypeVar("T")


class Asker:
    """Asks one question by way of cache and leases, as the engine does."""

    def __init__(self, url: str, version: int) -> None:
        self.link = RedisLink(url, timeout_s=10)
        self.cache = RedisCache(self.link, "response", CachePolicy(version=version))
        self.leases = RedisLeases(
            self.link, SingleflightPolicy(max_waiters=_CROWD), version=version
        )
        self._version = version

    def ask(self, name: str, crowd: int, *, lease_s: float) -> tuple[bool, float, float]:
        """Say whether we made the call, when its answer was kept, and when we had it."""
        while True:
            if hit := self.cache.get_many("bench", [name]).get(name):
                assert isinstance(hit.payload, float)
                return False, hit.payload, time.time()
            claim = self.leases.claim("bench", [name], lease_s=lease_s)
            if not claim.led:
                self.leases.wait("bench", [name], timeout_s=_PATIENCE_S)
                continue
            if not self.cache.get_many("bench", [name]):
                kept_at = self.call(name, crowd)
                self.leases.release("bench", claim)
                return True, kept_at, kept_at
            self.leases.release("bench", claim)

    def call(self, name: str, crowd: int) -> float:
        """Count the call; it ends when the crowd waits for it."""
        self.link.do(lambda client: client.incr(self.key(name)))
        self.wait_for_crowd(name, crowd)
        kept_at = time.time()
        self.cache.put_many("bench", {name: CacheEntry(payload=kept_at, ttl_s=60)})
        return kept_at

    def wait_for_crowd(self, name: str, crowd: int) -> None:
        """Return when so many wait for the name."""
        channel = self.leases._leases("bench", [name])[0]
        until(
            lambda: (
                dict(self.link.do(lambda c: c.pubsub_numsub(channel)))[channel.encode()] >= crowd
            )
        )

    def calls(self, name: str) -> int:
        """Count the provider calls."""
        return int(self.link.do(lambda client: client.get(self.key(name))) or 0)

    def key(self, name: str) -> str:
        """Name the counter of calls."""
        return f"enrich:v{self._version}:bench:calls:{name}"


def waiters(place: Place) -> list[Figure]:
    """The lag behind a leader that ends well, and behind one that is killed."""
    _FORKS.set_forkserver_preload([__name__])
    asker = Asker(place.redis_url, place.version)
    own = [_round(place, asker, f"calm{number}") for number in range(_ROUNDS)]
    killed = [_killed(place, asker, f"killed{number}") for number in range(_ROUNDS)]
    with place.bare() as client:
        bare_us = median(_time_us(client.ping) for _ in range(200))
    asker.link.close()
    return [
        _figure("waiters' lag", f"{_CROWD} waiters in {_PROCESSES} processes", own, bare_us),
        _take_over(killed),
    ]


def _figure(
    name: str, what: str, rounds: Sequence[tuple[list[float], int]], bare_us: float
) -> Figure:
    lags = sorted(lag for lags, _ in rounds for lag in lags)
    middle = median(lags)
    return Figure(
        name=name,
        what=f"{what}, median",
        against="bare PING",
        value_us=middle,
        against_us=bare_us,
        ratio=middle / bare_us,
        more={
            "worst_ms": round(lags[-1] / 1000, 1),
            "most_calls_a_round": max(calls for _, calls in rounds),
        },
    )


def _take_over(rounds: Sequence[tuple[float, float, int]]) -> Figure:
    after_us = [claimed_s * 1e6 for claimed_s, _, _ in rounds]
    middle = median(after_us)
    return Figure(
        name="leader killed",
        what="from the kill until a successor calls, median",
        against="its lease",
        value_us=middle,
        against_us=_LEASE_S * 1e6,
        ratio=middle / (_LEASE_S * 1e6),
        more={
            "worst_s": round(max(after_us) / 1e6, 2),
            "after_lease_end_median_ms": round(median(late for _, late, _ in rounds) * 1000, 1),
            "after_lease_end_worst_ms": round(max(late for _, late, _ in rounds) * 1000, 1),
            "most_calls_a_round": max(calls for _, _, calls in rounds),
        },
    )


def _round(place: Place, asker: Asker, name: str) -> tuple[list[float], int]:
    """Give the lag of each waiter in µs, and the number of calls."""
    answers = _ask_all(place, name, crowd=_CROWD - 1)
    lags = [(had_at - kept_at) * 1e6 for made, kept_at, had_at in answers() if not made]
    return lags, asker.calls(name)


def _killed(place: Place, asker: Asker, name: str) -> tuple[float, float, int]:
    """Kill a leader; give the time from there to the next call, from its lease's end, and calls."""
    told: Queue[Any] = _FORKS.Queue()
    leader = _FORKS.Process(target=hold, args=(place.redis_url, place.version, name, told))
    leader.start()
    pid, claimed_at = told.get(timeout=_PATIENCE_S)
    answers = _ask_all(place, name, crowd=0)
    asker.wait_for_crowd(name, _CROWD // 2)
    os.kill(pid, signal.SIGKILL)
    killed_at = time.time()
    leader.join()
    (kept_at,) = {kept_at for _, kept_at, _ in answers()}
    return kept_at - killed_at, kept_at - claimed_at - _LEASE_S, asker.calls(name)


def _ask_all(
    place: Place, name: str, *, crowd: int
) -> Callable[[], list[tuple[bool, float, float]]]:
    """Start all askers; gives what waits for their answers."""
    told: Queue[Any] = _FORKS.Queue()
    children: list[ForkServerProcess] = [
        _FORKS.Process(
            target=ask_in_threads, args=(place.redis_url, place.version, name, crowd, told)
        )
        for _ in range(_PROCESSES)
    ]
    for child in children:
        child.start()

    def answers() -> list[tuple[bool, float, float]]:
        given = [told.get(timeout=_PATIENCE_S) for _ in range(_CROWD)]
        for child in children:
            child.join()
        return given

    return answers


def ask_in_threads(url: str, version: int, name: str, crowd: int, told: "Queue[Any]") -> None:
    """Ask from several threads at once."""
    asker = Asker(url, version)
    lease_s = _LEASE_S if crowd == 0 else 300.0
    threads = [
        threading.Thread(target=lambda: told.put(asker.ask(name, crowd, lease_s=lease_s)))
        for _ in range(_THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def hold(url: str, version: int, name: str, told: "Queue[Any]") -> None:
    """Become leader, begin the call, and never come back from it."""
    asker = Asker(url, version)
    asker.leases.claim("bench", [name], lease_s=_LEASE_S)
    claimed_at = time.time()
    asker.link.do(lambda client: client.incr(asker.key(name)))
    told.put((os.getpid(), claimed_at))
    threading.Event().wait()


def until(holds: Callable[[], bool]) -> None:
    """Return when a condition has come true."""
    end_s = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, "it never came true"
        time.sleep(0.005)


def _time_us(work: Callable[[], object]) -> float:
    start_ns = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start_ns) / 1000
