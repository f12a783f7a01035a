"""What another order of asking would have made of the recorded answers."""

from dataclasses import replace

import pytest

from enrich.domain.outcome import Found, NotFound
from enrich.domain.provider import ProviderSpec, Query, Tier
from enrich.domain.run import Order
from enrich.domain.values import Observation
from enrich.engine.foresight import foresee
from enrich.engine.gather import Hearing, trust_of
from enrich.engine.learning import learn_tables
from enrich.engine.what_if import what_if
from enrich.errors import UnknownNameError
from tests.unit.batches import COMPANY, EMAIL
from tests.unit.engine_world import Scripted, world
from tests.unit.trust_world import label_rows, learned_world, truth_of

ROWS = 40


def priced(name: str, price: int, *, knows_every: int = 1) -> Scripted:
    spec = ProviderSpec(
        name=name,
        version="1",
        tier=Tier.CHEAP if price < 50_000 else Tier.PREMIUM,
        gives={"company_name": 0.9},
        inputs=(frozenset({"email"}),),
        price_microcredits=price,
    )

    def answer(query: Query) -> Found | NotFound:
        email = str(query.inputs["email"])
        number = int(email.partition("firm")[2].partition(".")[0])
        if number % knows_every:
            return NotFound()
        return Found({"company_name": Observation(value=truth_of(email), confidence=0.9)})

    return Scripted(spec, answer)


def test_an_order_that_stops_early_would_have_saved_the_rest() -> None:
    providers = [priced("one", 10_000), priced("two", 20_000)]
    emails = [f"a@firm{number}.com" for number in range(ROWS)]
    column = replace(COMPANY, min_confidence=0.5)
    with world(*providers, emails=emails, columns=(EMAIL, column)) as made:
        spent = made.run().counts.cost_microcredits

        found = what_if(made.parts, Hearing(table="t"), order=Order.SEQUENTIAL)

        assert (found.rows, found.cells, found.accepted) == (ROWS, ROWS, ROWS)
        assert found.spent_microcredits == spent == ROWS * 30_000
        assert found.saved_microcredits == ROWS * 20_000
        assert found.changed == 0


@pytest.mark.parametrize(
    ("order", "cost"),
    [
        pytest.param(Order.SEQUENTIAL, 10_000, id="the first knows all"),
        pytest.param(Order.PARALLEL, 30_000, id="both are asked"),
    ],
)
def test_cost_is_foreseen_from_what_like_rows_would_have_cost(order: Order, cost: int) -> None:
    providers = [priced("one", 10_000), priced("two", 20_000)]
    emails = [f"a@firm{number}.com" for number in range(ROWS)]
    with world(*providers, emails=emails, columns=(EMAIL, COMPANY)) as made:
        made.run()

        found = foresee(made.parts, "default", "t", order=order, columns=("company",))

        assert found is not None
        assert (found.played, found.filled, found.cost_of(1_000)) == (ROWS, 1.0, cost * 1_000)


def test_nothing_is_foreseen_before_anything_is_recorded() -> None:
    with world(priced("one", 10_000), emails=["a@firm1.com"], columns=(EMAIL, COMPANY)) as made:
        found = foresee(made.parts, "default", "t", order=Order.PARALLEL, columns=("company",))

        assert found is None


def test_a_column_that_there_is_not_is_named() -> None:
    with world(emails=["a@firm1.com"], columns=(EMAIL, COMPANY)) as made:
        hearing = Hearing(table="t", columns=("compny",))

        with pytest.raises(UnknownNameError, match="did you mean 'company'"):
            what_if(made.parts, hearing, order=Order.PARALLEL)


def test_an_adaptive_order_asks_by_what_was_learned() -> None:
    with learned_world() as made:
        made.run()
        label_rows(made, range(0, 240, 4))
        learn_tables(made.parts, "default", ["t"])

        found = what_if(made.parts, Hearing(table="t"), order=Order.ADAPTIVE)

        assert found.trust == 1
        assert found.labelled == 60
        assert found.labelled_right >= 54


def test_trust_that_was_learned_holds_how_providers_answer() -> None:
    with learned_world() as made:
        made.run()

        learn_tables(made.parts, "default", ["t"])

        habits = trust_of(made.parts).store.newest("default").habits
        assert habits.habit("company_name", "calm").asked == 240.0
        assert habits.habit("company_name", "calm").found == 240.0
