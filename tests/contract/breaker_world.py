"""A breaker under a clock that the test turns, in memory or in Valkey, and what it announced."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.calls import CallReport, Permit
from enrich.domain.policy import BreakerPolicy
from enrich.state.breaker import RedisBreakers
from enrich.state.breaker_memory import MemoryBreakers
from enrich.state.link import RedisLink

AnyBreakers: TypeAlias = MemoryBreakers | RedisBreakers

SUCCESS = CallReport(successes=1)
FAILURE = CallReport(failures=1)
IGNORED = CallReport(ignored=1)
_REPORTS = {"S": SUCCESS, "F": FAILURE, "I": IGNORED}


@dataclass(slots=True)
class HandClock:
    """A clock that stands until it is set; seconds since the epoch."""

    at_s: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)

    def monotonic_s(self) -> float:
        return self.at_s


@dataclass(slots=True)
class Tally:
    """A recorder that keeps sums."""

    counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=Counter)

    def count(self, name: str, amount: int = 1, labels: Mapping[str, str] | None = None) -> None:
        self.counts[name, tuple(sorted((labels or {}).items()))] += amount

    def observe(self, name: str, seconds: float, labels: Mapping[str, str] | None = None) -> None:
        """Keep nothing."""

    def total(self, name: str, **labels: str) -> int:
        wanted = set(labels.items())
        return sum(
            n for (seen, has), n in self.counts.items() if seen == name and wanted <= set(has)
        )


@dataclass(slots=True)
class World:
    """One breaker by name, its clock and its recorder."""

    breakers: AnyBreakers
    clock: HandClock
    tally: Tally
    key: str = "acme"

    def at(self, moment_s: float) -> "World":
        self.clock.at_s = moment_s
        return self

    def acquire(self, want: int = 1) -> Permit:
        return self.breakers.acquire(self.key, want=want)

    def admits(self) -> bool:
        return self.acquire().granted == 1

    def report(self, permit: Permit, report: CallReport) -> None:
        self.breakers.report(self.key, permit, report)

    def calls(self, results: str) -> "World":
        """Make one call a letter: S, F or I. A refused call is not made."""
        for permit, report in self._permits(results):
            self.report(permit, report)
        return self

    def _permits(self, results: str) -> Iterator[tuple[Permit, CallReport]]:
        for letter in results:
            permit = self.acquire()
            if permit.granted:
                yield permit, _REPORTS[letter]

    @property
    def status(self) -> BreakerStatus:
        return self.breakers.status([self.key])[self.key]

    @property
    def state(self) -> str:
        return self.status.state

    @property
    def counts(self) -> tuple[int, int]:
        status = self.status
        return status.successes, status.failures

    def moves(self, to: str) -> int:
        return self.tally.total("enrich_breaker_transitions_total", to=to)

    def force(self, state: str, *, hold: bool = False, actor: str = "ops") -> None:
        self.breakers.force(self.key, state, hold=hold, actor=actor)


def memory_world(policy: BreakerPolicy) -> World:
    clock, tally = HandClock(), Tally()
    return World(MemoryBreakers(policy, clock=clock, recorder=tally), clock, tally)


def shared_world(policy: BreakerPolicy, link: RedisLink, *, key: str, at_s: float = 0.0) -> World:
    clock, tally = HandClock(at_s), Tally()
    breakers = RedisBreakers(link, policy, clock=clock, recorder=tally, now_s=lambda: clock.at_s)
    return World(breakers, clock, tally, key)
