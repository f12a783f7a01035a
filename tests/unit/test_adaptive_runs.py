"""Runs that choose whom to ask: row by row, by what an answer is worth."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from enrich.domain.fusion import FieldTrust, Tally, TrustState
from enrich.domain.fusion.habits import Habit, Habits
from enrich.domain.outcome import Found, NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Query, Tier
from enrich.domain.run import BatchRef, Order, Phase, Step, StepKind
from enrich.domain.values import Observation
from enrich.engine.gather import trust_of
from enrich.engine.local import LocalRunner
from tasks.messages import from_wire, to_wire
from tests.unit.batches import COMPANY, EMAIL
from tests.unit.engine_world import Scripted, World, world

COLUMN = replace(COMPANY, min_confidence=0.5)
EMAILS = [f"a@firm{number}.com" for number in range(8)]


def provider(
    name: str,
    *,
    price: int = 0,
    gives: str = "company_name",
    needs: str = "email",
    answer: Callable[[Query], Outcome] | None = None,
) -> Scripted:
    spec = ProviderSpec(
        name=name,
        version="1",
        tier=Tier.PREMIUM if price > 50_000 else Tier.CHEAP if price else Tier.FREE,
        gives={gives: 0.8},
        inputs=(frozenset({needs}),),
        price_microcredits=price,
    )

    def says(query: Query) -> Outcome:
        (given,) = query.inputs.values()
        return Found({gives: Observation(value=f"Firm of {given}", confidence=0.8)})

    return Scripted(spec, answer or says)


def knowing(made: World, **right: float) -> None:
    """Let it be known how often each is right about companies; each knows nine in ten."""
    tallies = {name: Tally(1000 * share, 1000 * (1 - share)) for name, share in right.items()}
    answers = {"company_name": dict.fromkeys(right, Habit(asked=1000.0, found=900.0))}
    state = TrustState(
        fields={"company_name": FieldTrust(tallies=tallies)}, habits=Habits(answers=answers)
    )
    trust_of(made.parts).store.save("default", state, reason="test")


def run(made: World, **options: object) -> None:
    made.run(policy=Order.ADAPTIVE, **options)


def calm(made: World) -> World:
    """Nobody is asked only to learn."""
    policies = made.parts.policies
    selection = replace(policies.selection, explore_share=0.0)
    parts = replace(made.parts, policies=replace(policies, selection=selection))
    return replace(made, parts=parts, runner=LocalRunner(parts, parts.calls))


def test_cell_that_one_answer_settles_asks_nobody_else() -> None:
    good, dear = provider("good"), provider("dear", price=90_000)
    with world(good, dear, emails=EMAILS, columns=(EMAIL, COLUMN)) as plain:
        made = calm(plain)
        knowing(made, good=0.995, dear=0.99)

        run(made)

        assert made.value("company") == "Firm of a@firm0.com"
        assert len(good.asked) == len(EMAILS)
        assert not dear.asked


def test_dear_provider_is_asked_where_the_cheap_one_knows_nothing() -> None:
    poor = provider("poor", answer=lambda _query: NotFound())
    dear = provider("dear", price=90_000)
    with world(poor, dear, emails=EMAILS, columns=(EMAIL, COLUMN)) as plain:
        made = calm(plain)
        knowing(made, poor=0.9, dear=0.99)

        run(made)

        assert len(dear.asked) == len(EMAILS)
        assert made.row().cells["company"].fusion == "learned"


def test_nobody_is_asked_who_costs_more_than_a_cell_is_worth() -> None:
    dear = provider("dear", price=300_000)
    with world(dear, emails=EMAILS, columns=(EMAIL, COLUMN)) as plain:
        made = calm(plain)
        knowing(made, dear=0.99)

        run(made)

        assert not dear.asked
        assert made.value("company") is None


def test_provider_with_an_open_breaker_is_not_chosen() -> None:
    good, other = provider("good"), provider("other", price=1_000)
    with world(good, other, emails=EMAILS, columns=(EMAIL, COLUMN)) as plain:
        made = calm(plain)
        knowing(made, good=0.99, other=0.99)
        made.parts.breakers.force("good", "open", hold=True, actor="test")

        run(made)

        assert not good.asked
        assert len(other.asked) == len(EMAILS)


def test_filled_cell_is_what_the_next_provider_is_asked_with() -> None:
    found = Found({"domain": Observation(value="acme.com", confidence=0.8)})
    domain = provider("domain", gives="domain", answer=lambda _query: found)
    company = provider("company", needs="domain")
    with world(domain, company) as plain:
        made = calm(plain)
        state = TrustState(
            fields={
                name: FieldTrust(tallies={name.partition("_")[0]: Tally(999.0, 1.0)})
                for name in ("domain", "company_name")
            }
        )
        trust_of(made.parts).store.save("default", state, reason="test")

        run(made)

        assert made.value("company") == "Firm of acme.com"


def test_money_that_is_short_goes_where_it_is_worth_most() -> None:
    dear = provider("dear", price=40_000)
    with world(dear, emails=EMAILS, columns=(EMAIL, COLUMN)) as plain:
        made = calm(plain)
        knowing(made, dear=0.99)

        run(made, max_cost_microcredits=160_000)

        assert 2 <= len(dear.asked) <= 4


@pytest.mark.parametrize("order", [None, Order.PARALLEL, Order.SEQUENTIAL], ids=str)
def test_settings_give_the_order_of_a_run_that_asks_for_none(order: Order | None) -> None:
    with world(provider("good")) as made:
        policies = made.parts.policies
        runs = replace(policies.runs, order=Order.ADAPTIVE)
        parts = replace(made.parts, policies=replace(policies, runs=runs))
        run_id, _ = replace(made, parts=parts).submit(policy=order)

        (stored,) = [one for one in made.database.runs.values() if one.id == run_id]

        assert stored.new.options.order is (order or Order.ADAPTIVE)


def test_rows_that_were_chosen_travel_with_the_step() -> None:
    ref = BatchRef(run_id=1, number=2, attempt=1, phase=Phase.PROBE, wave=1)
    step = Step(kind=StepKind.PROBE, batch=ref, providers=("a",), asks={"a": (5, 7, 1000)})

    assert from_wire(to_wire(step)) == step
    assert from_wire({k: v for k, v in to_wire(step).items() if k != "asks"}).asks == {}
