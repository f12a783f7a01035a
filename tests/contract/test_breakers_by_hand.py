"""Breakers that are set by hand, held and released, in memory and in Valkey."""

import pytest

from enrich.domain.calls import CallReport, Refusal
from enrich.errors import BadInputError
from tests.contract.breaker_fixtures import Make, make, opened, world
from tests.contract.breaker_world import World

__all__ = ["make", "world"]


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
