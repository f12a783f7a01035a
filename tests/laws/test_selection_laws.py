"""Laws of choosing whom to ask, whatever is known of the providers."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.domain.fusion import FieldTrust, Judge, Tally, TrustState
from enrich.domain.fusion.habits import Habit, Habits
from enrich.domain.policy import FusionMethod, FusionPolicy, SelectionPolicy
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.run import OpenBatch
from enrich.domain.selection.chooser import Choice
from enrich.domain.selection.gain import Belief, Offer, Stakes, advantages
from enrich.domain.selection.plan import Choosing, Plan, affordable, plan
from tests.unit.batches import COMPANY, EMAIL, batch, row

laws = settings(deadline=None, max_examples=25)
NAMES = "abcde"
SEEDS = st.integers(0, 10_000)


def offers_of(chance: Random) -> list[Offer]:
    return [
        Offer(
            provider=name,
            family=chance.choice([name, "kin"]),
            price=chance.uniform(0.0, 50_000.0),
            hit=chance.random(),
            levels=((0.5, chance.uniform(0.5, 90.0)), (0.5, chance.uniform(0.5, 20.0))),
            spread=chance.uniform(2.0, 20.0),
        )
        for name in NAMES
    ]


def belief_in(chance: Random) -> Belief:
    parts = sorted((chance.random() for _ in range(chance.randrange(4))), reverse=True)
    total = sum(parts) + chance.random() + 1e-6
    chances = tuple(part / total for part in parts)
    return Belief(chances, 1.0 - sum(chances))


def world_of(chance: Random) -> tuple[list[ProviderSpec], FusionPolicy]:
    specs = [
        ProviderSpec(
            name=name,
            version="1",
            tier=Tier.CHEAP,
            gives={"company_name": 0.8},
            inputs=(frozenset({"email"}),),
            price_microcredits=chance.choice([0, 0, 2_000, 30_000]),
        )
        for name in NAMES
    ]
    tallies = {n: Tally(chance.uniform(1, 100), chance.uniform(1, 20)) for n in NAMES}
    answers = {n: Habit(asked=100.0, found=chance.uniform(5, 100)) for n in NAMES}
    state = TrustState(
        fields={"company_name": FieldTrust(tallies=tallies)},
        habits=Habits(answers={"company_name": answers}),
    )
    return specs, FusionPolicy(method=FusionMethod.LEARNED, judge=Judge(state))


def batch_of(count: int, *, order: int = 0) -> OpenBatch:
    rows = [row(number, email=f"a@firm{number}.com") for number in range(1, count + 1)]
    Random(order).shuffle(rows)
    return batch(*rows, wanted=("company",), columns=(EMAIL, COMPANY))


def planned(seed: int, *, order: int = 0, barred: frozenset[str] = frozenset()) -> Plan:
    specs, fusion = world_of(Random(seed))
    choosing = Choosing(policy=SelectionPolicy(), barred=barred)
    return plan(batch_of(12, order=order), specs, choosing, fusion=fusion)


@given(SEEDS)
@laws
def test_an_answer_that_costs_nothing_never_makes_a_cell_worth_less(seed: int) -> None:
    chance = Random(seed)
    free = [replace(one, price=0.0) for one in offers_of(chance)]

    worth = advantages(belief_in(chance), free, Stakes(250_000.0, 1_000_000.0))

    assert min(worth.values()) >= -1e-3


@given(SEEDS, st.integers(0, 100))
@laws
def test_the_order_of_rows_does_not_matter(seed: int, order: int) -> None:
    assert planned(seed).asks == planned(seed, order=order).asks


@given(SEEDS, st.sampled_from(NAMES))
@laws
def test_who_has_an_open_breaker_is_never_chosen(seed: int, name: str) -> None:
    assert name not in planned(seed, barred=frozenset({name})).asks


@given(SEEDS, st.floats(0, 200_000), st.floats(0, 200_000))
@laws
def test_more_budget_never_lowers_what_is_gained(seed: int, one: float, other: float) -> None:
    chance = Random(seed)
    price = chance.uniform(1.0, 30_000.0)
    choices = {
        number: Choice(asked={"a": ""}, gain=chance.uniform(1.0, 1e5), price=price)
        for number in range(10)
    }

    less, more = sorted((one, other))

    assert _gained(affordable(choices, less)) <= _gained(affordable(choices, more)) + 1e-6


def _gained(choices: dict[int, Choice]) -> float:
    return sum(choice.gain for choice in choices.values())
