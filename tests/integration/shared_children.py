"""What the processes do that share one Valkey; each is told its server and its version of keys."""

import os
import random
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from typing import Any

from enrich.domain.policy import CachePolicy, SingleflightPolicy
from enrich.ports import CacheEntry, OverBudget, Reservation
from enrich.state.budget import RedisBudgets
from enrich.state.cache import RedisCache
from enrich.state.leases import RedisLeases
from enrich.state.link import RedisLink
from tests.contract.shared_world import HandClock

__all__ = ["Worker", "ask_in_threads", "hold_for_ever", "look_up", "release_late", "spend_all"]


@dataclass(slots=True)
class Worker:
    """A worker that answers one question by way of cache and leases."""

    url: str
    version: int
    link: RedisLink = field(init=False)
    cache: RedisCache = field(init=False)
    leases: RedisLeases = field(init=False)

    def __post_init__(self) -> None:
        # Many processes share few cores here: a slow answer is no reason to fall back.
        self.link = RedisLink(self.url, timeout_s=10)
        self.cache = RedisCache(self.link, "response", CachePolicy(version=self.version))
        policy = SingleflightPolicy(max_waiters=100)
        self.leases = RedisLeases(self.link, policy, version=self.version)

    @property
    def calls_key(self) -> str:
        return f"enrich:v{self.version}:test:calls"

    @property
    def channel(self) -> str:
        return self.leases._leases("t", ["q"])[0]

    def ask(self, *, crowd: int = 0, lease_s: float = 300) -> Any:
        """Give the answer; the call lasts until `crowd` others wait for it."""
        while True:
            if hit := self.cache.get_many("t", ["q"]).get("q"):
                return hit.payload
            claim = self.leases.claim("t", ["q"], lease_s=lease_s)
            if not claim.led:
                self.leases.wait("t", ["q"], timeout_s=60)
            elif not self.cache.get_many("t", ["q"]):
                self.call(crowd)
                self.leases.release("t", claim)
            else:
                self.leases.release("t", claim)

    def call(self, crowd: int = 0) -> None:
        """Do what costs money, once more."""
        number = self.link.do(lambda client: client.incr(self.calls_key))
        while self.waiting() < crowd:
            time.sleep(0.01)
        self.cache.put_many("t", {"q": CacheEntry(payload=number, ttl_s=3600)})

    def waiting(self) -> int:
        ((_, count),) = self.link.do(lambda client: client.pubsub_numsub(self.channel))
        return int(count)

    def calls(self) -> int:
        return int(self.link.do(lambda client: client.get(self.calls_key)) or 0)


def ask_in_threads(url: str, version: int, threads: int, crowd: int, answers: "Queue[Any]") -> None:
    """Ask from many threads at once; the leader waits for the crowd."""
    worker = Worker(url, version)
    running = [
        threading.Thread(target=lambda: answers.put((worker.ask(crowd=crowd), time.time())))
        for _ in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def hold_for_ever(url: str, version: int, lease_s: float, told: "Queue[Any]") -> None:
    """Become leader, begin the call, and never come back from it."""
    worker = Worker(url, version)
    claim = worker.leases.claim("t", ["q"], lease_s=lease_s)
    worker.link.do(lambda client: client.incr(worker.calls_key))
    told.put((os.getpid(), claim.led["q"]))
    threading.Event().wait()


def release_late(url: str, version: int, lease_s: float, told: "Queue[Any]") -> None:
    """Become leader, and go on once somebody has taken over."""
    worker = Worker(url, version)
    claim = worker.leases.claim("t", ["q"], lease_s=lease_s)
    told.put((os.getpid(), claim.led["q"]))
    while worker.calls() == 0:
        time.sleep(0.01)
    told.put((worker.leases.renew("t", claim, lease_s=60), worker.leases.release("t", claim)))


def look_up(url: str, version: int, times: int, told: "Queue[Any]") -> None:
    """Look up one known and one unknown name, and tell the counts."""
    worker = Worker(url, version)
    for _ in range(times):
        worker.cache.get_many("t", ["known", "unknown"])
    told.put(worker.cache.stats())


def spend_all(url: str, version: int, cap: int, seed: int, told: "Queue[Any]") -> None:
    """Spend as long as there is anything left; tell how much."""
    budgets = RedisBudgets(RedisLink(url, timeout_s=10), clock=HandClock(), version=version)
    source, spent, wanted = random.Random(seed), 0, 1
    while wanted:
        got = budgets.reserve("t", {"run": cap, "day": 10 * cap}, wanted, hold_s=600)
        if isinstance(got, Reservation):
            budgets.commit("t", got, wanted)
            spent += wanted
            wanted = source.randrange(1, 40)
        else:
            assert isinstance(got, OverBudget)
            wanted = min(wanted - 1, max(got.left_microcredits, 0))
    told.put(spent)
