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

import threading

import pytest

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.calls import CallReport, Refusal
from tests.contract.breaker_fixtures import Make, at, make, opened, world
from tests.contract.breaker_world import FAILURE, SUCCESS, World

__all__ = ["make", "world"]


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
