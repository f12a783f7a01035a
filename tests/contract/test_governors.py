"""Governors in memory and in Valkey book the same starts, and never more than a limit allows."""

import itertools
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrich.domain.rate import RateLimit, Slots
from enrich.state.governor import RedisGovernor
from enrich.state.governor_memory import MemoryGovernor, in_us
from enrich.state.link import RedisLink
from tests.contract.shared_world import HandClock, Sums

NOON_S = datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp()
PER_SECOND = RateLimit(20, 1.0)
PER_MINUTE = RateLimit(60, 60.0)
_HISTORIES = int(os.environ.get("ENRICH_HISTORIES", "200"))
_NAMES = itertools.count()
_SESSION = secrets.token_hex(4)


@dataclass(slots=True)
class World:
    """One governor, one key and the clock."""

    governor: MemoryGovernor | RedisGovernor
    clock: HandClock
    key: str

    def at(self, after_s: float) -> "World":
        self.clock.at_s = NOON_S + after_s
        return self

    def reserve(
        self, want: int, *limits: RateLimit, ahead_s: float = 10.0, tenant: str = "t"
    ) -> Slots:
        return self.governor.reserve(
            self.key, want=want, max_delay_s=ahead_s, tenant=tenant, limits=limits
        )


def in_memory() -> World:
    clock = HandClock(NOON_S)
    return World(MemoryGovernor(clock=clock), clock, "acme")


def in_valkey(link: RedisLink) -> World:
    clock = HandClock(NOON_S)
    governor = RedisGovernor(link, clock=clock, recorder=Sums(), now_us=lambda: in_us(clock.now()))
    return World(governor, clock, f"acme-{_SESSION}-{next(_NAMES)}")


@pytest.fixture(scope="module")
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(redis_url, timeout_s=5.0)
    yield link
    link.close()


@pytest.fixture(params=["memory", pytest.param("valkey", marks=pytest.mark.servers)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return in_memory()
    return in_valkey(request.getfixturevalue("link"))


def after(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOON_S + seconds, UTC)


def test_without_limits_all_start_at_once(world: World) -> None:
    assert world.reserve(200) == Slots(delays_s=(0.0,) * 200)


def test_starts_of_a_second_keep_their_distance(world: World) -> None:
    slots = world.reserve(3, RateLimit(10, 1.0))

    assert slots == Slots(delays_s=(0.0, 0.11, 0.22))


def test_a_longer_limit_lets_a_burst_through_and_then_waits(world: World) -> None:
    slots = world.reserve(100, PER_MINUTE, ahead_s=120.0)

    assert slots.delays_s[:60] == (0.0,) * 60
    assert 60.0 < slots.delays_s[60] < 63.0


def test_what_does_not_fit_is_refused_with_a_moment(world: World) -> None:
    slots = world.reserve(100, PER_MINUTE, ahead_s=10.0)

    assert (len(slots.delays_s), slots.refused) == (60, 40)
    assert slots.retry_at is not None
    assert after(50.0) < slots.retry_at < after(60.0)


def test_all_limits_hold_at_once(world: World) -> None:
    slots = world.reserve(200, RateLimit(50, 1.0), PER_MINUTE, ahead_s=30.0)

    assert len(slots.delays_s) == 60
    assert slots.delays_s[59] == pytest.approx(59 * 0.022)


def test_f53_nobody_starts_before_the_provider_said(world: World) -> None:
    world.governor.learn(world.key, retry_at=after(5.0))

    slots = world.reserve(2, PER_SECOND)

    assert slots.delays_s == (5.0, 5.055)


def test_f53_beyond_the_horizon_the_cool_down_refuses_all(world: World) -> None:
    world.governor.learn(world.key, retry_at=after(120.0))

    slots = world.reserve(2, PER_SECOND)

    assert (slots.delays_s, slots.refused, slots.retry_at) == ((), 2, after(115.0))


def test_an_absurd_cool_down_is_cut_to_an_hour(world: World) -> None:
    world.governor.learn(world.key, retry_at=after(999_999.0))

    assert world.at(3600.0).reserve(1).delays_s == (0.0,)


def test_a_cool_down_in_the_past_changes_nothing(world: World) -> None:
    world.governor.learn(world.key, retry_at=after(-5.0))

    assert world.reserve(1).delays_s == (0.0,)


def test_what_the_provider_says_is_left_is_not_exceeded(world: World) -> None:
    world.governor.learn(world.key, remaining=3, reset_at=after(30.0))

    slots = world.reserve(5, ahead_s=60.0)

    assert slots.delays_s == (0.0, 0.0, 0.0, 30.0, 30.0)


def test_of_one_window_the_lower_number_left_holds(world: World) -> None:
    world.governor.learn(world.key, remaining=3, reset_at=after(30.0))
    world.reserve(2)
    world.governor.learn(world.key, remaining=2, reset_at=after(30.5))

    assert len(world.reserve(5).delays_s) == 1


def test_a_late_word_about_an_older_window_is_dropped(world: World) -> None:
    world.governor.learn(world.key, remaining=5, reset_at=after(90.0))
    world.governor.learn(world.key, remaining=0, reset_at=after(30.0))

    assert len(world.reserve(9).delays_s) == 5


@pytest.mark.parametrize(
    ("limit", "again_s"),
    [
        pytest.param(RateLimit(3, 86_400.0), 12 * 3600.0, id="day"),
        pytest.param(RateLimit(3, 30 * 86_400.0), 12 * 3600.0, id="month, on its last day"),
    ],
)
def test_a_quota_begins_anew_with_the_calendar(
    world: World, limit: RateLimit, again_s: float
) -> None:
    assert world.reserve(5, limit, ahead_s=0.0).refused == 2
    assert world.at(again_s - 1).reserve(1, limit, ahead_s=0.0).retry_at == after(again_s)

    assert world.at(again_s).reserve(5, limit, ahead_s=0.0).refused == 2


def test_a_month_has_its_own_length(world: World) -> None:
    limit = RateLimit(1, 28 * 86_400.0)
    april_s = 12 * 3600.0
    world.at(april_s).reserve(1, limit)

    refused = world.at(april_s + 29 * 86_400.0).reserve(1, limit, ahead_s=0.0)

    assert refused.retry_at == after(april_s + 30 * 86_400.0)


def test_tenants_that_compete_get_equal_shares(world: World) -> None:
    greedy = [world.reserve(500, PER_SECOND, tenant="greedy")]
    modest = [world.reserve(500, PER_SECOND, tenant="modest")]
    for tick in range(1, 40):
        world.at(tick * 1.0)
        greedy += [world.reserve(500, PER_SECOND, tenant="greedy") for _ in range(3)]
        modest.append(world.reserve(500, PER_SECOND, tenant="modest"))

    later = sum(len(slots.delays_s) for slots in greedy[1:])
    assert sum(len(slots.delays_s) for slots in modest) == pytest.approx(later, rel=0.15)


def test_who_is_alone_gets_all(world: World) -> None:
    world.reserve(5, PER_SECOND, tenant="content")

    assert len(world.reserve(500, PER_SECOND, tenant="alone").delays_s) == 177


def test_keys_of_other_credentials_have_limits_of_their_own(world: World) -> None:
    world.reserve(500, PER_SECOND)
    world.key += "#other"

    assert world.reserve(1, PER_SECOND).delays_s == (0.0,)


@dataclass(frozen=True, slots=True)
class Reserve:
    want: int
    ahead_s: float
    tenant: str


@dataclass(frozen=True, slots=True)
class Learn:
    retry_s: float | None
    remaining: int | None
    reset_s: float | None


@dataclass(frozen=True, slots=True)
class Wait:
    s: float


Step: TypeAlias = Reserve | Learn | Wait

LIMITS = st.sampled_from(
    [
        (),
        (RateLimit(1, 1.0),),
        (PER_SECOND,),
        (RateLimit(3, 0.7), RateLimit(7, 5.0)),
        (RateLimit(15, 1.0), RateLimit(30, 60.0), RateLimit(50, 3600.0)),
        (RateLimit(4, 3.0), RateLimit(20, 86_400.0)),
        (RateLimit(5, 1.0), RateLimit(40, 30 * 86_400.0)),
    ]
)
_SOMETIMES = st.one_of(st.none(), st.floats(-5, 4000).map(lambda s: round(s, 6)))
_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        Reserve, st.integers(1, 40), st.sampled_from([0.0, 0.5, 10.0]), st.sampled_from("abc")
    ),
    st.builds(Reserve, st.integers(1, 40), st.sampled_from([2.0, 10.0]), st.just("a")),
    st.builds(Learn, _SOMETIMES, st.one_of(st.none(), st.integers(0, 9)), _SOMETIMES),
    st.builds(
        Wait,
        st.one_of(
            st.floats(0, 12).map(lambda s: round(s, 6)), st.sampled_from([60.0, 3600.0, 43_200.0])
        ),
    ),
)


def play(world: World, step: Step, limits: Sequence[RateLimit]) -> Slots | None:
    now_s = world.clock.at_s - NOON_S
    moment: Callable[[float | None], datetime | None] = lambda s: (  # noqa: E731
        None if s is None else after(now_s + s)
    )
    match step:
        case Reserve(want=want, ahead_s=ahead_s, tenant=tenant):
            return world.reserve(want, *limits, ahead_s=ahead_s, tenant=tenant)
        case Learn(retry_s=retry_s, remaining=remaining, reset_s=reset_s):
            world.governor.learn(
                world.key,
                retry_at=moment(retry_s),
                remaining=remaining,
                reset_at=moment(reset_s),
            )
        case Wait(s=seconds):
            world.at(now_s + seconds)
    return None


@pytest.mark.servers
@settings(
    max_examples=_HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(limits=LIMITS, steps=st.lists(_STEPS, min_size=1, max_size=25))
def test_lua_and_python_agree_on_any_history(
    link: RedisLink, limits: tuple[RateLimit, ...], steps: list[Step]
) -> None:
    here, there = in_memory(), in_valkey(link)

    for step in steps:
        assert play(here, step, limits) == play(there, step, limits)
