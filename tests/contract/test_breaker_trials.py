"""A breaker that tries again: how many trials, whose count, and when they return."""

from enrich.domain.calls import CallReport, Refusal
from tests.contract.breaker_fixtures import Make, at, make, opened, world
from tests.contract.breaker_world import FAILURE, IGNORED, SUCCESS, World

__all__ = ["make", "world"]


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
