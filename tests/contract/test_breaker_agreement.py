"""The breaker in Lua and the breaker in Python decide alike, whatever happens to them.

`ENRICH_HISTORIES=10000` plays that many histories instead of a few hundred.
"""

import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from enrich.domain.calls import CallReport, Permit, Refusal
from enrich.domain.policy import BreakerPolicy
from enrich.state.link import RedisLink
from tests.contract.breaker_world import World, memory_world, shared_world

pytestmark = pytest.mark.servers

T = TypeVar("T")

_HISTORIES = int(os.environ.get("ENRICH_HISTORIES", "300"))
_NAMES = itertools.count()
_SESSION = secrets.token_hex(4)
_START_S = 1_700_000_000.0
_EDGES_MS = (-5000, 0, 1, 999, 1000, 14_999, 15_000, 29_999, 30_000, 59_000, 60_000, 300_000)

POLICIES = st.sampled_from(
    [
        BreakerPolicy(),
        BreakerPolicy(failure_threshold=1, minimum_requests=1, success_threshold=1),
        BreakerPolicy(failure_threshold=2, minimum_requests=3, backoff=2.0, success_threshold=2),
        BreakerPolicy(
            failure_threshold=2, minimum_requests=2, backoff=1.5, reset_s=7.0, credits_retry_s=50.0
        ),
        BreakerPolicy(failure_threshold=3, minimum_requests=4, failure_rate=0.5, window_s=5),
        BreakerPolicy(failure_threshold=2, minimum_requests=2, reset_s=0.0, window_s=300),
    ]
)


@dataclass(frozen=True, slots=True)
class Acquire:
    want: int


@dataclass(frozen=True, slots=True)
class Report:
    """`age` counts back from the newest permit."""

    age: int
    report: CallReport


@dataclass(frozen=True, slots=True)
class Wait:
    ms: int


@dataclass(frozen=True, slots=True)
class Force:
    state: str
    hold: bool


@dataclass(frozen=True, slots=True)
class Release:
    pass


Step: TypeAlias = Acquire | Report | Wait | Force | Release

_CALLS = st.integers(0, 4)
_REPORTS = st.builds(
    CallReport,
    successes=_CALLS,
    failures=st.one_of(st.just(0), _CALLS),
    ignored=_CALLS,
    slow=st.sampled_from([0, 0, 0, 1]),
    trip=st.sampled_from([None] * 8 + [Refusal.AUTH, Refusal.RATE, Refusal.CREDITS, Refusal.GONE]),
    trip_until=st.one_of(
        st.none(),
        st.integers(-10_000, 9_000_000).map(
            lambda ms: datetime.fromtimestamp((_START_S * 1000 + ms) / 1000, UTC)
        ),
    ),
)
_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Acquire, st.integers(1, 5)),
    st.builds(Acquire, st.just(1)),
    st.builds(Report, st.integers(0, 3), _REPORTS),
    st.builds(Report, st.just(0), _REPORTS),
    st.builds(Wait, st.one_of(st.sampled_from(_EDGES_MS), st.integers(-3000, 90_000))),
    st.sampled_from(
        [
            Force("open", hold=False),
            Force("open", hold=True),
            Force("closed", hold=False),
            Force("closed", hold=True),
            Force("half_open", hold=False),
            Release(),
        ]
    ),
)


@dataclass(slots=True)
class Pair:
    """The same history in both."""

    worlds: tuple[World, World]
    permits: list[tuple[Permit, Permit]] = field(default_factory=list)

    def play(self, step: Step) -> None:
        match step:
            case Acquire(want=want):
                here, there = self._both(lambda world: world.acquire(want))
                self.permits.append((here, there))
            case Report(age=age, report=report) if self.permits:
                pair = self.permits[-1 - age % len(self.permits)]
                for world, permit in zip(self.worlds, pair, strict=True):
                    world.report(permit, report)
            case Wait(ms=ms):
                self._both(lambda world: world.at(round(world.clock.at_s + ms / 1000, 3)))
            case Force(state=state, hold=hold):
                self._both(lambda world: world.force(state, hold=hold))
            case Release():
                self._both(lambda world: world.breakers.release(world.key))

    def check(self) -> None:
        here, there = (world.status for world in self.worlds)
        assert here == there
        assert self.worlds[0].tally.counts == self.worlds[1].tally.counts
        if self.permits:
            mine, shared = self.permits[-1]
            assert _seen(mine) == _seen(shared)

    def _both(self, act: Callable[[World], T]) -> tuple[T, T]:
        return act(self.worlds[0]), act(self.worlds[1])


@pytest.fixture(scope="module")
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(redis_url, timeout_s=5.0)
    yield link
    link.close()


@settings(
    max_examples=_HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(policy=POLICIES, steps=st.lists(_STEPS, min_size=1, max_size=40))
@example(policy=BreakerPolicy(), steps=[Force("half_open", hold=False), Wait(-5000), Acquire(3)])
def test_lua_and_python_agree_on_any_history(
    link: RedisLink, policy: BreakerPolicy, steps: list[Step]
) -> None:
    key = f"pair-{_SESSION}-{next(_NAMES)}"
    here = memory_world(policy)
    here.key = key
    pair = Pair((here.at(_START_S), shared_world(policy, link, key=key, at_s=_START_S)))

    for step in steps:
        pair.play(step)
        pair.check()


def _seen(permit: Permit) -> tuple[int, int, Refusal | None, datetime | None]:
    return permit.granted, permit.generation, permit.refusal, permit.retry_at
