"""Caps on spending after Redis was emptied: the ledger says again what was spent and is held."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from enrich.domain.paid import Hold, Spending
from enrich.ports import OverBudget, Reservation
from enrich.state.budget import RedisBudgets
from enrich.state.link import RedisLink
from tests.asking import HandClock

pytestmark = pytest.mark.servers

CAPS = {"run:7": 100}


@dataclass(slots=True)
class Books:
    """A ledger that says what it is told, and how often it was asked."""

    says: Spending = field(default_factory=Spending)
    asked: int = 0
    scopes: list[str] = field(default_factory=list)

    def spent(self, tenant: str, scopes: Sequence[str]) -> Mapping[str, Spending]:
        """Say it."""
        self.asked += 1
        self.scopes += scopes
        return dict.fromkeys(scopes, self.says)


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def budgets(redis_url: str, books: Books) -> Iterator[RedisBudgets]:
    """Budgets that nobody knows yet, as after a FLUSHALL."""
    link = RedisLink(redis_url, timeout_s=5.0)
    version = 1 + secrets.randbelow(900_000)
    yield RedisBudgets(link, clock=HandClock(), version=version, ledger=books.spent)
    link.close()


def reserve(budgets: RedisBudgets, amount: int, name: str = "") -> object:
    return budgets.reserve("t", CAPS, amount, hold_s=60, name=name)


def test_f22_a_scope_that_was_lost_is_asked_for_once(budgets: RedisBudgets, books: Books) -> None:
    books.says = Spending(spent_microcredits=80)

    first, second = reserve(budgets, 30), reserve(budgets, 20)

    assert first == OverBudget(scope="run:7", cap_microcredits=100, left_microcredits=20)
    assert isinstance(second, Reservation)
    assert books.asked == 1


def test_a_new_run_is_asked_about_alone_when_its_day_is_known(
    budgets: RedisBudgets, books: Books
) -> None:
    budgets.reserve("t", {"tenant:2026-01-01": 100}, 1, hold_s=60)
    day = {"tenant:2026-01-01": 100}

    budgets.reserve("t", {"run:8": 100, "table:t:2026-01-01": 100, **day}, 1, hold_s=60)

    assert books.scopes == ["tenant:2026-01-01", "run:8", "table:t:2026-01-01"]


def test_what_was_under_way_when_it_was_lost_is_still_held(
    budgets: RedisBudgets, books: Books
) -> None:
    books.says = Spending(
        spent_microcredits=10, holds=(Hold(id="h", amount_microcredits=60, left_s=60),)
    )
    reserve(budgets, 1)
    before = budgets.spent("t", ["run:7"])
    budgets.commit("t", Reservation(id="h", amount_microcredits=60, scopes=CAPS), 50)

    assert before == {"run:7": (10, 61)}
    assert budgets.spent("t", ["run:7"]) == {"run:7": (60, 1)}


def test_what_the_ledger_says_that_we_hold_ourselves_is_not_in_our_way(
    budgets: RedisBudgets, books: Books
) -> None:
    books.says = Spending(holds=(Hold(id="us", amount_microcredits=500, left_s=60),))
    refused = reserve(budgets, 500, name="us")
    got = reserve(budgets, 100, name="us")
    assert isinstance(got, Reservation)
    budgets.commit("t", got, 0)

    assert refused == OverBudget(scope="run:7", cap_microcredits=100, left_microcredits=100)
    assert budgets.spent("t", ["run:7"]) == {"run:7": (0, 0)}


def test_what_is_booked_before_the_ledger_was_asked_is_not_counted_twice(
    budgets: RedisBudgets, books: Books
) -> None:
    budgets.commit("t", Reservation(id="h", amount_microcredits=60, scopes=CAPS), 50)
    books.says = Spending(spent_microcredits=50)
    reserve(budgets, 1)

    assert budgets.spent("t", ["run:7"]) == {"run:7": (50, 1)}


def test_what_is_booked_while_the_ledger_is_asked_is_not_missed(
    budgets: RedisBudgets, books: Books
) -> None:
    books.says = Spending(holds=(Hold(id="h", amount_microcredits=60, left_s=60),))
    budgets.commit("t", Reservation(id="h", amount_microcredits=60, scopes=CAPS), 50)
    reserve(budgets, 1)

    # No less than it spent, and no more than it held.
    assert budgets.spent("t", ["run:7"]) == {"run:7": (60, 1)}


def test_what_was_given_back_before_the_ledger_was_asked_does_not_count_as_spent(
    budgets: RedisBudgets, books: Books
) -> None:
    books.says = Spending(holds=(Hold(id="refused", amount_microcredits=60, left_s=60),))
    budgets.commit("t", Reservation(id="refused", amount_microcredits=0, scopes=CAPS), 0)
    reserve(budgets, 1)

    # Held for as long as the ledger says, and then nobody's.
    assert budgets.spent("t", ["run:7"]) == {"run:7": (0, 61)}


def test_a_reservation_has_the_name_that_it_is_given(budgets: RedisBudgets) -> None:
    got = reserve(budgets, 1, name="holder")

    assert isinstance(got, Reservation)
    assert got.id == "holder"
