"""A breaker under a clock that the test turns, in memory or in Valkey, and what it announced."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.calls import CallReport, Permit
from enrich.domain.policy import BreakerPolicy
from enrich.state.breaker import RedisBreakers
from enrich.state.breaker_memory import MemoryBreakers
from enrich.state.link import RedisLink
from tests.contract.shared_world import HandClock, Sums

AnyBreakers: TypeAlias = MemoryBreakers | RedisBreakers

SUCCESS = CallReport(successes=1)
FAILURE = CallReport(failures=1)
IGNORED = CallReport(ignored=1)
_REPORTS = {"S": SUCCESS, "F": FAILURE, "I": IGNORED}


@dataclass(slots=True)
class World:
    """One breaker by name, its clock and its recorder."""

    breakers: AnyBreakers
    clock: HandClock
    tally: Sums
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

    def force(self, state: str, *, hold: bool = False, actor: str = "ops", why: str = "") -> None:
        self.breakers.force(self.key, state, hold=hold, actor=actor, why=why)


def memory_world(policy: BreakerPolicy) -> World:
    clock, tally = HandClock(0.0), Sums()
    return World(MemoryBreakers(policy, clock=clock, recorder=tally), clock, tally)


def shared_world(policy: BreakerPolicy, link: RedisLink, *, key: str, at_s: float = 0.0) -> World:
    clock, tally = HandClock(at_s), Sums()
    breakers = RedisBreakers(link, policy, clock=clock, recorder=tally, now_s=lambda: clock.at_s)
    return World(breakers, clock, tally, key)
