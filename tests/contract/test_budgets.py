"""One suite for the budgets in memory and in Valkey."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from enrich.errors import BadInputError
from enrich.ports import BudgetsAway, OverBudget, Reservation
from enrich.state.budget import RedisBudgets
from enrich.state.budget_memory import MemoryBudgets
from enrich.state.link import RedisLink
from tests.contract.shared_world import HandClock, MemoryTime, ValkeyTime

AnyBudgets: TypeAlias = RedisBudgets | MemoryBudgets


@dataclass(slots=True)
class World:
    """The budgets of one memory or one server."""

    time: MemoryTime | ValkeyTime
    budgets: AnyBudgets


def in_memory() -> World:
    time = MemoryTime()
    return World(time, MemoryBudgets(clock=time.clock))


def in_valkey(link: RedisLink) -> World:
    time = ValkeyTime(link)
    return World(time, RedisBudgets(link, clock=HandClock(), version=time.version))


@pytest.fixture(
    params=["memory", pytest.param("valkey", marks=pytest.mark.servers)], ids=["memory", "valkey"]
)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield in_memory()
        return
    link = RedisLink(request.getfixturevalue("redis_url"), timeout_s=5.0)
    yield in_valkey(link)
    link.close()


def reserved(got: Reservation | OverBudget | BudgetsAway) -> Reservation:
    assert isinstance(got, Reservation)
    return got


def test_money_put_aside_is_reserved_in_every_scope(world: World) -> None:
    got = world.budgets.reserve("t", {"run": 10, "day": 8}, 5, hold_s=60)

    assert reserved(got).amount_microcredits == 5
    assert world.budgets.spent("t", ["run", "day"]) == {"run": (0, 5), "day": (0, 5)}


def test_what_is_put_aside_under_a_name_takes_the_place_of_what_it_held(world: World) -> None:
    first = world.budgets.reserve("t", {"run": 10}, 6, hold_s=60, name="n")
    more = world.budgets.reserve("t", {"run": 10}, 9, hold_s=60, name="n")
    too_much = world.budgets.reserve("t", {"run": 10}, 11, hold_s=60, name="n")
    before = world.budgets.spent("t", ["run"])
    world.budgets.commit("t", reserved(more), 2)

    assert isinstance(first, Reservation)
    assert too_much == OverBudget(scope="run", cap_microcredits=10, left_microcredits=10)
    assert before == {"run": (0, 9)}
    assert world.budgets.spent("t", ["run"]) == {"run": (2, 0)}


@pytest.mark.parametrize("poor", ["day", "run"])
def test_too_little_in_one_scope_puts_nothing_aside_in_any(world: World, poor: str) -> None:
    world.budgets.reserve("t", {poor: 8}, 5, hold_s=60)

    refused = world.budgets.reserve("t", {"day": 20, "run": 20, poor: 8}, 4, hold_s=60)

    assert refused == OverBudget(scope=poor, cap_microcredits=8, left_microcredits=3)
    assert world.budgets.spent("t", ["day", "run"]) == {"day": (0, 0), "run": (0, 0), poor: (0, 5)}


def test_a_cap_can_be_used_up_to_the_unit_and_not_beyond(world: World) -> None:
    first = world.budgets.reserve("t", {"run": 10}, 10, hold_s=60)

    second = world.budgets.reserve("t", {"run": 10}, 1, hold_s=60)

    assert isinstance(first, Reservation)
    assert second == OverBudget(scope="run", cap_microcredits=10, left_microcredits=0)


def test_a_commit_counts_what_was_spent_and_gives_back_the_rest(world: World) -> None:
    held = reserved(world.budgets.reserve("t", {"run": 10, "day": 20}, 8, hold_s=60))

    world.budgets.commit("t", held, 3)

    assert world.budgets.spent("t", ["run", "day"]) == {"run": (3, 0), "day": (3, 0)}


def test_committing_nothing_releases_all(world: World) -> None:
    held = reserved(world.budgets.reserve("t", {"run": 10}, 8, hold_s=60))

    world.budgets.commit("t", held, 0)

    assert world.budgets.spent("t", ["run"]) == {"run": (0, 0)}


def test_who_gave_all_back_may_put_money_aside_again_under_the_same_name(world: World) -> None:
    first = reserved(world.budgets.reserve("t", {"run": 10}, 8, hold_s=60, name="holder"))
    world.budgets.commit("t", first, 0)
    second = reserved(world.budgets.reserve("t", {"run": 10}, 5, hold_s=60, name="holder"))

    world.budgets.commit("t", second, 5)

    assert world.budgets.spent("t", ["run"]) == {"run": (5, 0)}


def test_a_second_commit_of_a_reservation_changes_nothing(world: World) -> None:
    held = reserved(world.budgets.reserve("t", {"run": 10}, 8, hold_s=60))
    world.budgets.commit("t", held, 3)

    world.budgets.commit("t", held, 8)

    assert world.budgets.spent("t", ["run"]) == {"run": (3, 0)}


def test_what_a_dead_holder_put_aside_returns_when_its_hold_ends(world: World) -> None:
    world.budgets.reserve("t", {"run": 10}, 10, hold_s=60)
    world.time.pass_s(50)
    early = world.budgets.reserve("t", {"run": 10}, 10, hold_s=60)
    world.time.pass_s(11)

    late = world.budgets.reserve("t", {"run": 10}, 10, hold_s=60)

    assert isinstance(early, OverBudget)
    assert isinstance(late, Reservation)


def test_reading_does_not_count_what_has_returned(world: World) -> None:
    world.budgets.reserve("t", {"run": 10}, 4, hold_s=60)
    world.budgets.reserve("t", {"run": 10}, 5, hold_s=600)

    world.time.pass_s(61)

    assert world.budgets.spent("t", ["run"]) == {"run": (0, 5)}


def test_money_spent_after_its_hold_has_ended_still_counts(world: World) -> None:
    held = reserved(world.budgets.reserve("t", {"run": 10}, 8, hold_s=60))
    world.time.pass_s(61)

    world.budgets.commit("t", held, 8)

    assert world.budgets.spent("t", ["run"]) == {"run": (8, 0)}


def test_tenants_have_budgets_of_their_own(world: World) -> None:
    world.budgets.reserve("t", {"run": 10}, 10, hold_s=60)

    assert isinstance(world.budgets.reserve("u", {"run": 10}, 10, hold_s=60), Reservation)


def test_a_lowered_cap_refuses_and_says_how_far_it_is_exceeded(world: World) -> None:
    held = reserved(world.budgets.reserve("t", {"run": 10}, 10, hold_s=60))
    world.budgets.commit("t", held, 10)

    refused = world.budgets.reserve("t", {"run": 4}, 1, hold_s=60)

    assert refused == OverBudget(scope="run", cap_microcredits=4, left_microcredits=-6)


@pytest.mark.parametrize(
    ("known", "ledger", "expected"),
    [(0, 7, 7), (9, 7, 9), (7, 7, 7)],
    ids=["lifts-what-was-lost", "keeps-what-is-more", "keeps-what-is-equal"],
)
def test_restoring_lifts_to_what_the_ledger_says(
    world: World, known: int, ledger: int, expected: int
) -> None:
    world.budgets.commit(
        "t", reserved(world.budgets.reserve("t", {"run": 10}, known, hold_s=60)), known
    )

    world.budgets.restore("t", {"run": ledger, "other": 0})

    assert world.budgets.spent("t", ["run"]) == {"run": (expected, 0)}


def test_amounts_are_exact_beyond_what_a_float_shows(world: World) -> None:
    cap = 9_000_000_000_000_001
    world.budgets.commit(
        "t", reserved(world.budgets.reserve("t", {"run": cap}, cap - 1, hold_s=60)), cap - 1
    )

    assert isinstance(world.budgets.reserve("t", {"run": cap}, 2, hold_s=60), OverBudget)
    assert isinstance(world.budgets.reserve("t", {"run": cap}, 1, hold_s=60), Reservation)


@pytest.mark.parametrize("amount", [-1, 2**53], ids=["negative", "too-large"])
def test_an_impossible_amount_is_an_error(world: World, amount: int) -> None:
    with pytest.raises(BadInputError, match="micro-credits"):
        world.budgets.reserve("t", {"run": 10}, amount, hold_s=60)


def test_without_a_scope_money_is_always_put_aside(world: World) -> None:
    assert isinstance(world.budgets.reserve("t", {}, 5, hold_s=60), Reservation)


def test_thirty_threads_together_spend_a_budget_to_the_unit(world: World) -> None:
    start, granted = threading.Barrier(30), []

    def spend() -> None:
        start.wait()
        while isinstance(
            held := world.budgets.reserve("t", {"run": 100}, 3, hold_s=60), Reservation
        ):
            world.budgets.commit("t", held, 1)
            granted.append(held.id)

    threads = [threading.Thread(target=spend) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert world.budgets.spent("t", ["run"]) == {"run": (len(granted), 0)}
    assert len(granted) <= 98
    assert len(set(granted)) == len(granted)
