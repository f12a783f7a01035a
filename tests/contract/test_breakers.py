"""Breakers in memory and in Valkey keep the same promises; the numbers are those of the cases.

Elsewhere:  most of B01-B66 tests/unit/test_breaker.py, pure · B43, B69 with real processes
            tests/integration/test_shared_state_processes.py ·
            B70-B73 tests/faults/test_breaker_faults.py ·
            B33, B58, B59 tests/unit/test_engine.py
Not here:   B50  the concrete errors of HTTP: tests/integration/test_http_providers.py
            B55, B56  what a provider raises is malformed, and the permit returns
            B57  there are no listeners, only a log line and a count
            B67  scopes belong to the HTTP service, which is not there yet
            B71  that it falls back is shown; no test asserts the 260 ms
            B74  two machines; workers whose clocks differ stand for them
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.calls import CallReport, Refusal
from enrich.domain.policy import BreakerPolicy
from enrich.errors import BadInputError
from enrich.state.link import RedisLink
from tests.contract.breaker_world import (
    FAILURE,
    IGNORED,
    SUCCESS,
    World,
    memory_world,
    shared_world,
)

Make = Callable[..., World]
_KEYS = itertools.count()


@pytest.fixture(params=["memory", pytest.param("valkey", marks=pytest.mark.servers)])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make worlds with a policy of the given numbers, each with a breaker that is new."""
    if request.param == "memory":
        yield lambda **numbers: memory_world(BreakerPolicy(**numbers))
        return
    link = RedisLink(request.getfixturevalue("redis_url"), timeout_s=5.0)
    yield lambda **numbers: shared_world(
        BreakerPolicy(**numbers), link, key=f"acme-{request.node.name}-{next(_KEYS)}"
    )
    link.close()


@pytest.fixture
def world(make: Make) -> World:
    """A world with the default numbers."""
    return make()


def opened(world: World) -> World:
    """Open at the clock's moment, by ten failures."""
    return world.calls("F" * 10)


def at(moment_s: float) -> datetime:
    return datetime.fromtimestamp(moment_s, UTC)


def test_b01_new_breaker_is_closed_and_its_error_rate_unknown(world: World) -> None:
    assert world.status == BreakerStatus(key=world.key, state="closed", successes=0, failures=0)
    assert world.status.error_rate is None


def test_b04_without_a_wait_the_next_acquire_is_a_trial(make: Make) -> None:
    world = opened(make(reset_s=0.0))

    assert world.state == "open"
    assert world.admits()
    assert world.state == "half_open"


def test_b05_breakers_of_other_names_are_not_touched(world: World) -> None:
    opened(world)

    other = world.breakers.acquire(f"{world.key}#tenant-b")

    assert other.granted == 1


@pytest.mark.parametrize(
    ("results", "state", "counts"),
    [
        pytest.param("FFFF", "closed", (0, 4), id="B06 four failures"),
        pytest.param("F" * 9, "closed", (0, 9), id="B07 nine calls are too few"),
        pytest.param("F" * 10, "open", (0, 10), id="B08 the tenth failure opens"),
        pytest.param("SSSSSFFFF", "closed", (5, 4), id="B09 before the tenth call"),
        pytest.param("SSSSSFFFFF", "open", (5, 5), id="B09 B17 at the tenth call"),
        pytest.param("SSSSSSFFFF", "closed", (6, 4), id="B10 four of ten"),
        pytest.param("SSSSSSFFFFF", "open", (6, 5), id="B10 five of eleven"),
        pytest.param("S" * 100 + "FFFFF", "open", (100, 5), id="B11 the count rules"),
        pytest.param("FFFFFSSSSS", "closed", (5, 5), id="B12 a success opens nothing"),
        pytest.param("FFFFFSSSSSF", "open", (5, 6), id="B12 the next failure does"),
        pytest.param("FS" * 5, "closed", (5, 5), id="B13 last is a success"),
        pytest.param("FS" * 5 + "F", "open", (5, 6), id="B13 then a failure"),
        pytest.param("SF" * 5, "open", (5, 5), id="B14 no rule of failures in a row"),
        pytest.param("I" * 50 + "F" * 9, "closed", (0, 9), id="B15 ignored are not counted"),
        pytest.param("I" * 50 + "F" * 9 + "S", "closed", (1, 9), id="B15 a success"),
        pytest.param("I" * 50 + "F" * 9 + "SF", "open", (1, 10), id="B15 a failure"),
    ],
)
def test_closed_breaker_opens_by_failures_in_the_window(
    world: World, results: str, state: str, counts: tuple[int, int]
) -> None:
    world.calls(results)

    assert (world.state, world.counts) == (state, counts)


def test_b11_with_a_rate_few_failures_of_many_calls_open_nothing(make: Make) -> None:
    world = make(failure_rate=0.5).calls("S" * 100 + "FFFFF")

    assert world.state == "closed"


def test_b16_refused_calls_count_as_rejected_only(world: World) -> None:
    opened(world)

    for _ in range(100):
        world.acquire()

    assert world.counts == (0, 10)
    assert world.tally.total("enrich_breaker_rejected_total", provider=world.key) == 100


def test_b18_failures_of_the_last_minute_add_up(world: World) -> None:
    world.calls("SSSSSFFFF").at(59.0).calls("F")

    assert world.state == "open"


def test_b19_what_is_a_minute_old_is_forgotten(world: World) -> None:
    world.calls("SSSSSFFFF").at(60.0).calls("F")

    assert (world.state, world.counts) == ("closed", (0, 1))


def test_b20_the_window_rolls(world: World) -> None:
    world.at(50.0).calls("SSSSSFF").at(70.0).calls("FFF")

    assert world.state == "open"


def test_b21_old_counts_are_gone_after_a_pause(world: World) -> None:
    world.calls("F" * 9).at(300.0).calls("S")

    assert world.counts == (1, 0)


def test_b22_a_clock_that_steps_back_stands_still(world: World) -> None:
    world.at(100.0).calls("FFFF").at(95.0).calls("SSSSS").at(100.0)
    assert world.counts == (5, 4)

    world.at(95.0).calls("F")

    assert world.status.retry_at == at(130.0)
    assert not world.at(99.0).admits()


def test_b24_a_call_counts_at_its_end(world: World) -> None:
    permit = world.acquire()

    world.at(70.0).report(permit, FAILURE)

    assert world.at(129.0).counts == (0, 1)
    assert world.at(130.0).counts == (0, 0)


def test_b25_b26_open_breaker_refuses_until_its_wait_has_passed(world: World) -> None:
    opened(world)

    for moment_s in (10.0, 29.999):
        permit = world.at(moment_s).acquire()
        assert (permit.granted, permit.refusal) == (0, Refusal.OPEN)
        assert permit.retry_at == at(30.0)


def test_b27_at_the_exact_end_of_the_wait_a_trial_is_admitted(world: World) -> None:
    assert opened(world).at(30.0).admits()


@pytest.mark.parametrize("late", [FAILURE, SUCCESS], ids=["B28 it fails", "B29 it succeeds"])
def test_a_call_from_before_the_opening_changes_nothing(world: World, late: CallReport) -> None:
    early = world.acquire()
    opened(world)

    world.at(20.0).report(early, late)

    assert (world.state, world.status.retry_at) == ("open", at(30.0))
    assert world.moves("open") == 1


def test_b30_late_failures_do_not_delay_the_trial(world: World) -> None:
    early = [world.acquire() for _ in range(20)]
    opened(world).at(29.0)

    for permit in early:
        world.report(permit, FAILURE)

    assert world.at(30.0).admits()


def test_b31_a11_reading_the_state_uses_up_no_trial(world: World) -> None:
    opened(world).at(31.0)

    seen = {world.status for _ in range(100)}

    assert {(status.state, status.retry_at) for status in seen} == {("open", at(30.0))}
    assert world.acquire(want=3).granted == 3


def test_b32_many_threads_open_it_once(world: World) -> None:
    world.calls("S" * 6 + "F" * 4)
    permits = [world.acquire() for _ in range(20)]
    start = threading.Barrier(20)

    def fail(index: int) -> None:
        start.wait()
        world.report(permits[index], FAILURE)

    threads = [threading.Thread(target=fail, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert world.moves("open") == 1


def test_b34_b35_first_acquire_after_the_wait_half_opens_for_three(world: World) -> None:
    opened(world).at(30.0)

    granted = [world.acquire().granted for _ in range(4)]

    assert granted == [1, 1, 1, 0]
    assert (world.state, world.moves("half_open")) == ("half_open", 1)


def test_b35_a_batch_gets_what_is_left_to_try(world: World) -> None:
    opened(world).at(30.0).acquire(want=2)

    permit = world.acquire(want=200)
    refused = world.acquire(want=200)

    assert permit.granted == 1
    assert (refused.refusal, refused.retry_at) == (Refusal.HALF_OPEN, at(45.0))


def test_b36_three_successes_close_it_with_an_empty_window(world: World) -> None:
    opened(world).at(30.0).calls("SSS")

    assert (world.state, world.counts, world.moves("closed")) == ("closed", (0, 0), 1)


def test_b37_a_failed_trial_opens_it_for_a_whole_wait(world: World) -> None:
    opened(world).at(40.0).calls("SSF")

    assert world.state == "open"
    assert not world.at(69.999).admits()
    assert world.at(70.0).admits()


def test_b38_the_first_failure_voids_the_other_trials(world: World) -> None:
    opened(world).at(30.0)
    first, second, third = (world.acquire() for _ in range(3))

    world.report(first, FAILURE)
    for late in (second, third):
        world.report(late, SUCCESS)

    assert (world.state, world.status.retry_at) == ("open", at(60.0))


def test_b39_a_success_frees_no_second_trial(world: World) -> None:
    opened(world).at(30.0).calls("S")

    granted = [world.acquire().granted for _ in range(3)]

    assert granted == [1, 1, 0]


def test_b39_no_more_successes_count_than_were_permitted(world: World) -> None:
    opened(world).at(30.0)

    world.report(world.acquire(), CallReport(successes=9))

    assert world.state == "half_open"


def test_b40_b55_ignored_trials_return(world: World) -> None:
    opened(world).at(30.0)

    admitted = []
    for _ in range(10):
        permit = world.acquire()
        admitted.append(permit.granted)
        world.report(permit, IGNORED)

    assert admitted == [1] * 10
    assert world.state == "half_open"


def test_b56_a_permit_that_was_not_used_returns(world: World) -> None:
    opened(world).at(30.0)
    unused = world.acquire(want=3)

    world.report(unused, CallReport())

    assert world.acquire(want=3).granted == 3


def test_b41_f55_trials_of_the_dead_return_at_the_end_of_their_lease(world: World) -> None:
    opened(world).at(30.0).acquire(want=3)

    assert not world.at(44.999).admits()
    assert world.at(45.0).admits()


def test_b42_a_result_after_the_lease_is_dropped(world: World) -> None:
    opened(world).at(30.0)
    late = world.acquire(want=3)

    world.at(45.0).report(late, CallReport(successes=3))

    assert world.state == "half_open"


def test_b44_without_calls_it_stays_half_open(world: World) -> None:
    opened(world).at(30.0).calls("I").at(3630.0)
    assert world.state == "half_open"

    world.calls("SSS")

    assert world.state == "closed"


def test_b45_a_call_from_the_closed_life_decides_no_trial(world: World) -> None:
    early = world.acquire()
    opened(world).at(30.0).calls("S")

    world.report(early, FAILURE)

    assert world.state == "half_open"


def test_b46_a_trial_of_an_earlier_life_is_dropped(world: World) -> None:
    opened(world).at(30.0)
    early = world.acquire()
    world.calls("F")

    world.at(59.0).report(early, SUCCESS)

    assert (world.state, world.at(60.0).acquire(want=3).granted) == ("open", 3)


def test_b47_each_cycle_costs_the_provider_one_call_until_it_is_well(world: World) -> None:
    opened(world)

    for cycle in range(1, 5):
        world.at(30.0 * cycle).calls("F" * 20)
    world.at(150.0).calls("SSS")

    assert (world.moves("open"), world.moves("half_open"), world.state) == (5, 5, "closed")


def test_b48_back_off_grows_to_its_cap_and_ends_with_a_close(make: Make) -> None:
    world = opened(make(backoff=2.0, max_reset_s=300.0))
    waits = []
    for _ in range(6):
        retry_at = world.status.retry_at
        assert retry_at is not None
        waits.append(retry_at.timestamp() - world.clock.at_s)
        world.at(retry_at.timestamp()).calls("F")
    assert waits == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]

    world.at(world.clock.at_s + 300.0).calls("SSS")
    opened(world)

    assert world.status.retry_at == at(world.clock.at_s + 30.0)


def test_b50_slow_answers_count_as_failures(world: World) -> None:
    world.report(world.acquire(want=10), CallReport(successes=5, slow=5))

    assert (world.state, world.counts) == ("open", (5, 5))


@pytest.mark.parametrize(
    ("report", "refusal", "until_s"),
    [
        pytest.param(CallReport(trip=Refusal.AUTH), Refusal.AUTH, 1300.0, id="B53 refused key"),
        pytest.param(
            CallReport(trip=Refusal.RATE, trip_until=at(1120.0)), Refusal.RATE, 1120.0, id="B54"
        ),
        pytest.param(
            CallReport(trip=Refusal.RATE, trip_until=at(1_000_999.0)),
            Refusal.RATE,
            4600.0,
            id="B54 capped at an hour",
        ),
        pytest.param(
            CallReport(trip=Refusal.RATE, trip_until=at(900.0)), Refusal.RATE, 1030.0, id="B54 past"
        ),
        pytest.param(CallReport(trip=Refusal.CREDITS), Refusal.CREDITS, 4600.0, id="credits"),
        pytest.param(
            CallReport(trip=Refusal.CREDITS, trip_until=at(200_000.0)),
            Refusal.CREDITS,
            200_000.0,
            id="credits, known moment",
        ),
        pytest.param(CallReport(trip=Refusal.GONE), Refusal.GONE, 87_400.0, id="gone"),
    ],
)
def test_the_providers_own_word_opens_it_at_once_and_counts_nothing(
    world: World, report: CallReport, refusal: Refusal, until_s: float
) -> None:
    world.at(1000.0).calls("S")

    world.report(world.acquire(), report)

    refused = world.acquire()
    assert (refused.refusal, refused.retry_at) == (refusal, at(until_s))
    assert world.counts == (1, 0)
    assert world.at(until_s).admits()


@pytest.mark.parametrize(
    ("tried_at_s", "again_at_s"),
    [
        pytest.param([1000.0], 4600.0, id="an hour"),
        pytest.param([1000.0, 4600.0], 11_800.0, id="then two"),
        pytest.param([1000.0, 4600.0, 11_800.0], 26_200.0, id="then four"),
        pytest.param([85_000.0], 86_400.0, id="at midnight at the latest"),
    ],
)
def test_an_account_that_is_used_up_is_tried_again_ever_later(
    world: World, tried_at_s: list[float], again_at_s: float
) -> None:
    used_up = CallReport(trip=Refusal.CREDITS)

    for moment_s in tried_at_s:
        world.at(moment_s).report(world.acquire(), used_up)

    assert world.status.retry_at == at(again_at_s)
    assert world.at(again_at_s).admits()


def test_b58_a_failing_provider_is_called_ten_times_of_twelve(world: World) -> None:
    admitted = 0
    for _ in range(12):
        permit = world.acquire()
        admitted += permit.granted
        world.report(permit, FAILURE)

    assert admitted == 10


def test_b60_forced_open_refuses_and_tries_again_after_the_wait(world: World) -> None:
    world.force("open")

    assert not world.admits()
    assert not world.at(29.999).admits()
    assert world.at(30.0).admits()


def test_b61_held_open_refuses_until_it_is_released(world: World) -> None:
    world.force("open", hold=True)
    refused = world.at(1_000_000.0).acquire()
    assert (refused.refusal, refused.retry_at, world.status.held) == (Refusal.HELD, None, True)

    world.breakers.release(world.key, actor="ops")

    assert world.acquire(want=10).granted == 3
    assert world.state == "half_open"


def test_b62_forced_closed_begins_anew(world: World) -> None:
    opened(world).force("closed")

    assert (world.admits(), world.counts) == (True, (0, 0))
    assert world.calls("F" * 9).state == "closed"


def test_b63_held_closed_lets_all_through_and_counts(world: World) -> None:
    world.force("closed", hold=True)

    for _ in range(100):
        world.report(world.acquire(want=10), CallReport(failures=10))
    world.report(world.acquire(), CallReport(trip=Refusal.AUTH))

    assert (world.admits(), world.counts) == (True, (0, 1000))


def test_b64_forced_half_open_gives_three_permits(world: World) -> None:
    world.force("half_open")

    assert world.acquire(want=10).granted == 3


@pytest.mark.parametrize("state", ["banana", "", "None", "OPEN"])
def test_b65_an_unknown_state_is_refused_and_changes_nothing(world: World, state: str) -> None:
    opened(world)

    with pytest.raises(BadInputError, match="state"):
        world.force(state)

    assert world.state == "open"


def test_b65_half_open_cannot_be_held(world: World) -> None:
    with pytest.raises(BadInputError, match="hold"):
        world.force("half_open", hold=True)


@pytest.mark.parametrize("state", ["closed", "half_open", "open"])
def test_b66_a_call_in_flight_across_a_force_decides_nothing(world: World, state: str) -> None:
    in_flight = world.acquire()
    world.force(state)

    world.report(in_flight, CallReport(successes=3, trip=Refusal.AUTH))

    assert (world.state, world.counts) == (state, (0, 0))


def test_b60_b67_each_intervention_is_audited_once(make: Make) -> None:
    world = make()
    world.force("open", hold=True, actor="kim", why="wrong phones")
    world.breakers.release(world.key, actor="lee", why="mended: they say")
    world.breakers.release(world.key, actor="nobody, for nothing is held")

    entries = [entry for entry in world.breakers.audit() if entry.key == world.key]

    assert [(e.actor, e.before, e.after, e.hold, e.why) for e in entries] == [
        ("lee", "open", "open", False, "mended: they say"),
        ("kim", "closed", "open", True, "wrong phones"),
    ]


def test_b76_a_refused_key_of_one_tenant_leaves_the_others_alone(world: World) -> None:
    mine, theirs = f"{world.key}#a", f"{world.key}#b"
    permit = world.breakers.acquire(mine)

    world.breakers.report(mine, permit, CallReport(trip=Refusal.AUTH))

    states = world.breakers.status([mine, theirs])
    assert (states[mine].state, states[theirs].state) == ("open", "closed")


def test_breakers_that_were_used_are_listed(world: World) -> None:
    world.calls("S")

    assert world.key in world.breakers.known()


def test_a_breaker_that_is_switched_off_lets_all_through(make: Make) -> None:
    world = opened(make(enabled=False))

    assert world.acquire(want=200).granted == 200
