"""Cells that have probably changed are asked about anew, as far as that is worth its price."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from enrich.domain.fusion import FieldTrust, Tally, TrustState
from enrich.domain.fusion.habits import Ageing, Habit, Habits
from enrich.domain.run import Order
from enrich.engine.gather import trust_of
from enrich.engine.refresh import aged_cells, refresh_all, refresh_table
from tests.unit.batches import COMPANY, EMAIL
from tests.unit.engine_world import World, world
from tests.unit.test_what_if import priced

ROWS = 10
YEAR_S = 365.25 * 86_400


@pytest.fixture
def filled() -> Iterator[World]:
    """A table that was filled by one who is right, in a field that changes twice in five years."""
    emails = [f"a@firm{number}.com" for number in range(ROWS)]
    column = replace(COMPANY, min_confidence=0.5)
    with world(priced("one", 10_000), emails=emails, columns=(EMAIL, column)) as made:
        state = TrustState(
            fields={"company_name": FieldTrust(tallies={"one": Tally(990.0, 10.0)})},
            habits=Habits(
                answers={"company_name": {"one": Habit(asked=1000.0, found=990.0)}},
                ageing={"company_name": Ageing(400.0, 1000.0)},
            ),
        )
        trust_of(made.parts).store.save("default", state, reason="test")
        made.run(policy=Order.ADAPTIVE)
        yield made


def test_what_was_just_observed_is_left_alone(filled: World) -> None:
    assert not list(aged_cells(filled.parts, "default", "t"))


def test_old_cells_are_asked_about_anew_within_the_budget(filled: World) -> None:
    filled.clock.sleep(2 * YEAR_S)

    aged = list(aged_cells(filled.parts, "default", "t"))
    (begun,) = refresh_table(filled.parts, "default", "t", budget_microcredits=45_000)

    assert len(aged) == ROWS
    assert aged[0].chance < 0.5
    summary = filled.parts.runs.summary("default", begun.run.id)
    assert summary.rows == 4


def test_no_budget_means_no_refresh(filled: World) -> None:
    filled.clock.sleep(2 * YEAR_S)

    assert refresh_all(filled.parts) == ()
