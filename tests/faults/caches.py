"""Caches with their fallback over a link that a test makes bad."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from enrich.domain.policy import CachePolicy
from enrich.domain.values import Json
from enrich.ports import CacheEntry
from enrich.state.cache import RedisCache
from enrich.state.cache_fallback import FallbackCache
from enrich.state.cache_memory import MemoryCache
from enrich.state.link import RedisLink
from tests.contract.shared_world import HandClock, Sums

__all__ = ["HandTime", "Worker"]


@dataclass(slots=True)
class HandTime:
    """The link's clock, moved by hand; with a step it moves at each look."""

    at_s: float = 0.0
    step_s: float = 0.0

    def __call__(self) -> float:
        self.at_s += self.step_s
        return self.at_s


@dataclass(slots=True)
class Worker:
    """One process's cache: its link, both levels, its counts."""

    url: str
    now_s: Callable[[], float] = time.monotonic
    #: Patient: a slow moment is no fault. Who tests silence waits for as long.
    timeout_s: float = 30.0
    sums: Sums = field(default_factory=Sums)
    clock: HandClock = field(default_factory=HandClock)
    link: RedisLink = field(init=False)
    shared: RedisCache = field(init=False)
    memory: MemoryCache = field(init=False)
    cache: FallbackCache = field(init=False)

    def __post_init__(self) -> None:
        policy = CachePolicy(refresh_beta=0.0)
        self.link = RedisLink(
            self.url, recorder=self.sums, now_s=self.now_s, timeout_s=self.timeout_s
        )
        self.shared = RedisCache(self.link, "response", policy, recorder=self.sums)
        self.memory = MemoryCache("response", policy, clock=self.clock)
        self.cache = FallbackCache(self.shared, self.memory, recorder=self.sums)

    def put(self, name: str, payload: Json, *, ttl_s: float = 600) -> None:
        self.cache.put_many("t", {name: CacheEntry(payload=payload, ttl_s=ttl_s)})

    def get(self, name: str) -> Json:
        """Give the payload, or "miss"."""
        hit = self.cache.get_many("t", [name]).get(name)
        return hit.payload if hit else "miss"

    def in_redis(self, name: str) -> Json:
        """Give the payload that lies in Redis, or "miss"."""
        hit = self.shared.get_many("t", [name]).get(name)
        return hit.payload if hit else "miss"
