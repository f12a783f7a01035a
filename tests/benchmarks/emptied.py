"""A hundred thousand questions by way of lease, permit and money: what is left of them."""

import time
from collections import Counter

import redis

from enrich.domain.calls import CallReport
from enrich.domain.policy import BreakerPolicy, SingleflightPolicy
from enrich.ports import Reservation
from enrich.state.breaker import RedisBreakers
from enrich.state.budget import RedisBudgets
from enrich.state.leases import RedisLeases
from enrich.state.link import RedisLink
from enrich.state.metrics_memory import MemoryMetrics
from providers.base import SystemClock
from tests.benchmarks.measuring import Figure
from tests.benchmarks.places import Place

__all__ = ["left_behind"]

_QUESTIONS, _BATCH = 100_000, 200
_HELD_S, _PATIENCE_S = 2.0, 30.0


class _Shared:
    """The three that hold something while a question is under way."""

    def __init__(self, link: RedisLink, version: int) -> None:
        clock = SystemClock()
        self.leases = RedisLeases(link, SingleflightPolicy(), version=version)
        self.budgets = RedisBudgets(link, clock=clock, version=version)
        self.breakers = RedisBreakers(
            link,
            BreakerPolicy(permit_s=_HELD_S),
            clock=clock,
            recorder=MemoryMetrics(),
            version=version,
        )

    def ask(self, names: list[str], *, dies: bool) -> None:
        """Take all three for a batch; let go of them, or die."""
        claim = self.leases.claim("bench", names, lease_s=_HELD_S)
        permit = self.breakers.acquire("left", want=len(names))
        held = self.budgets.reserve("bench", {"run": 2**52}, len(names), hold_s=_HELD_S)
        if dies:
            return
        assert isinstance(held, Reservation)
        self.budgets.commit("bench", held, len(names))
        self.breakers.report("left", permit, CallReport(successes=permit.granted))
        self.leases.release("bench", claim)


def left_behind(place: Place) -> list[Figure]:
    """Every second batch dies; a while later nothing of any of them is held."""
    link = place.link()
    shared = _Shared(link, place.version)
    before = _keys(place)
    started_s = time.perf_counter()
    for number, at in enumerate(range(0, _QUESTIONS, _BATCH)):
        names = [f"left{n}" for n in range(at, at + _BATCH)]
        shared.ask(names, dies=number % 2 == 1)
    took_s = time.perf_counter() - started_s
    most = _keys(place) - before
    gone_s = _wait_until_gone(place, before)
    shared.ask(["one more"], dies=False)
    _, reserved = shared.budgets.spent("bench", ["run"])["run"]
    left = _keys(place) - before
    link.close()
    batches = _QUESTIONS // _BATCH
    return [
        Figure(
            name="left behind",
            what=f"{_QUESTIONS} questions in {batches} batches, every second batch dies: a batch",
            against="all of them",
            value_us=took_s / batches * 1e6,
            against_us=took_s * 1e6,
            ratio=1 / batches,
            more={
                "lease_keys_at_most": most["lease"] + most["lease-end"],
                "seconds_until_gone": round(gone_s, 1),
                "leases_left": left["lease"],
                "microcredits_reserved_left": reserved,
                "trials_left": len(_trials(place)),
                "other_keys": sum(left.values()) - left["lease"] - left["lease-end"],
            },
        )
    ]


def _wait_until_gone(place: Place, before: Counter[str]) -> float:
    started_s = time.monotonic()
    while (now := _keys(place) - before)["lease"] + now["lease-end"]:
        assert time.monotonic() - started_s < _PATIENCE_S, f"still there: {now}"
        time.sleep(0.2)
    return time.monotonic() - started_s


def _keys(place: Place) -> Counter[str]:
    """Count our keys by kind."""
    with redis.Redis.from_url(place.redis_url) as client:
        found = client.scan_iter(f"enrich:v{place.version}:*", count=5000)
        return Counter(key.decode().split(":")[2] for key in found)


def _trials(place: Place) -> bytes:
    with redis.Redis.from_url(place.redis_url) as client:
        (key,) = client.scan_iter(f"enrich:v{place.version}:breaker:*left}}", count=5000)
        return bytes(client.hget(key, "trials") or b"")
