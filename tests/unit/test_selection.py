"""Whom to ask: by what an answer is worth, what it costs, and what is believed so far."""

from datetime import UTC, datetime

import pytest

from enrich.domain.fusion import FieldTrust, Judge, Tally, TrustState, Verdict, Vote, fuse
from enrich.domain.fusion.encoding import trust_from_json, trust_to_json
from enrich.domain.fusion.habits import Ageing, Habit, Habits
from enrich.domain.learning.habits import Answered, habits_of
from enrich.domain.policy import FusionMethod, FusionPolicy, SelectionPolicy
from enrich.domain.provider import Charge, ProviderSpec, Tier
from enrich.domain.run import Progress
from enrich.domain.selection.budget import allowance, price_factor
from enrich.domain.selection.chooser import Choice, Chooser, OpenCell, draw
from enrich.domain.selection.gain import Belief, Offer, Stakes, advantages, worth_now
from enrich.domain.selection.offers import hit_rate, offer_of
from enrich.domain.selection.plan import affordable, stakes_of
from enrich.domain.table import Column

STAKES = Stakes(250_000.0, 1_000_000.0)
CALM = SelectionPolicy(second_microcredits=0.0, explore_share=0.0)


def offer(
    name: str = "a", *, price: float = 0.0, hit: float = 0.8, factor: float = 50.0, family: str = ""
) -> Offer:
    return Offer(
        provider=name,
        family=family or name,
        price=price,
        hit=hit,
        levels=((1.0, factor),),
        spread=5.0,
    )


def spec(
    name: str, *, price: int = 0, family: str = "", charge: Charge = Charge.ON_HIT
) -> ProviderSpec:
    return ProviderSpec(
        name=name,
        version="1",
        tier=Tier.CHEAP if price else Tier.FREE,
        gives={"city": 0.8},
        inputs=(frozenset({"email"}),),
        price_microcredits=price,
        charge=charge,
        family=family,
    )


def judge(right: float = 90.0, wrong: float = 10.0, *names: str) -> Judge:
    tallies = {name: Tally(right, wrong) for name in names or ("a", "b", "c")}
    habits = Habits(
        answers={"city": {name: Habit(asked=100.0, found=80.0) for name in tallies}},
    )
    return Judge(TrustState(fields={"city": FieldTrust(tallies=tallies)}, habits=habits))


def vote(provider: str) -> Vote:
    return Vote(
        provider=provider,
        family=provider,
        rank=0,
        value="Oslo",
        confidence=0.9,
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        key="oslo",
    )


def cell(*chances: float, heard: frozenset[str] = frozenset()) -> OpenCell:
    belief = Belief(chances, 1.0 - sum(chances))
    return OpenCell(field_name="city", stakes=STAKES, belief=belief, heard=heard)


def test_threshold_of_four_fifths_says_that_a_wrong_cell_costs_four_right_ones() -> None:
    assert STAKES.least == pytest.approx(0.8)
    assert worth_now(Belief((0.8,), 0.2), STAKES) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("column", "stakes"),
    [
        pytest.param(Column(key="city", field="city"), Stakes(250_000, 1_000_000), id="settings"),
        pytest.param(
            Column(key="city", field="city", worth_microcredits=500_000),
            Stakes(500_000, 1_000_000),
            id="its own worth",
        ),
        pytest.param(
            Column(key="city", field="city", loss_microcredits=0), Stakes(250_000, 0), id="its loss"
        ),
    ],
)
def test_column_has_stakes_of_its_own(column: Column, stakes: Stakes) -> None:
    policy = SelectionPolicy(worth_microcredits=250_000, loss_microcredits=1_000_000)

    assert stakes_of(column, policy, FusionPolicy(stakes=policy)) == stakes


def test_without_a_loss_the_threshold_says_what_a_wrong_cell_costs() -> None:
    column = Column(key="city", field="city", worth_microcredits=100_000)

    stakes = stakes_of(column, SelectionPolicy(), FusionPolicy(agreement_threshold=0.9))

    assert (stakes.worth, stakes.loss) == (100_000, pytest.approx(900_000))


@pytest.mark.parametrize(
    ("loss", "verdict"),
    [
        pytest.param(1_000_000, Verdict.ACCEPT, id="four times what a right one earns"),
        pytest.param(1_000_000_000, Verdict.ESCALATE, id="thousands of times"),
    ],
)
def test_dearer_mistakes_demand_a_surer_value(loss: int, verdict: Verdict) -> None:
    column = Column(key="city", field="city", loss_microcredits=loss)
    policy = FusionPolicy(
        method=FusionMethod.LEARNED, judge=judge(), stakes=SelectionPolicy()
    ).for_column(column)

    fused = fuse([vote("a"), vote("b")], policy, min_confidence=0.0, field="city")

    assert fused is not None
    assert fused.verdict is verdict


def test_two_weak_answers_are_worth_asking_for_where_one_is_not() -> None:
    weak = [offer(name, price=1_000.0, factor=12.0) for name in "ab"]

    assert advantages(Belief(), weak[:1], STAKES)["a"] < 0.0
    assert advantages(Belief(), weak, STAKES)["a"] > 0.0


def test_second_member_of_a_family_does_not_make_the_first_worth_more() -> None:
    kin = [offer(name, price=1_000.0, factor=12.0, family="one") for name in "ab"]

    assert advantages(Belief(), kin, STAKES)["a"] < 0.0


def test_nobody_is_asked_when_the_cell_is_sure() -> None:
    sure = advantages(Belief((0.999,), 0.001), [offer(price=5_000.0)], STAKES)

    assert sure["a"] < 0.0


def test_dear_provider_is_asked_about_what_is_worth_more() -> None:
    dear = offer(price=300_000.0, factor=500.0)

    assert advantages(Belief(), [dear], STAKES)["a"] < 0.0
    assert advantages(Belief(), [dear], Stakes(1_000_000.0, 4_000_000.0))["a"] > 0.0


def test_hit_rate_of_a_stranger_is_a_half_and_follows_what_is_seen() -> None:
    known = judge()

    assert hit_rate(known, "nobody", "city") == pytest.approx(0.5)
    assert hit_rate(known, "a", "city") == pytest.approx(0.8, abs=0.02)
    assert hit_rate(known, "a", "phone") == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("charge", "price"),
    [
        pytest.param(Charge.ON_HIT, 800.0, id="a hit is charged"),
        pytest.param(Charge.ON_CALL, 1000.0, id="a call is charged"),
    ],
)
def test_price_follows_the_rule_of_charge(charge: Charge, price: float) -> None:
    asked = offer_of(spec("a", price=1_000, charge=charge), "city", judge())

    assert asked.price == pytest.approx(price, rel=0.02)


def test_free_providers_are_asked_together() -> None:
    chooser = Chooser(judge(), CALM, [spec("a"), spec("b"), spec("c", price=100_000)])

    choice = chooser.choose([cell()], ["a", "b", "c"], seed=(1, 1), is_first=True)

    assert set(choice.asked) == {"a", "b"}


def test_money_goes_to_what_gains_most_for_it_and_never_beyond() -> None:
    asked = {"a": "worth its price"}
    choices = {
        1: Choice(asked=asked, gain=100.0, price=60.0),
        2: Choice(asked=asked, gain=90.0, price=30.0),
        3: Choice(asked=asked, gain=10.0, price=20.0),
        4: Choice(asked=asked, gain=1.0, price=0.0),
    }

    assert set(affordable(choices, 85.0)) == {2, 3, 4}
    assert set(affordable(choices, 90.0)) == {1, 2, 4}
    assert set(affordable(choices, 0.0)) == {4}


def test_family_that_was_heard_is_not_asked_again() -> None:
    chooser = Chooser(judge(), CALM, [spec("a", family="x"), spec("b", family="x")])
    heard = frozenset({"x"})

    choice = chooser.choose([cell(0.6, heard=heard)], ["b"], seed=(1, 1), is_first=False)

    assert not choice.asked


def test_explorers_are_the_same_whenever_the_run_is_replayed() -> None:
    curious = SelectionPolicy(second_microcredits=0.0, explore_share=0.5)
    specs = [spec("a"), spec("c", price=200_000)]
    rows = range(200)

    first, second = (
        [
            sorted(
                Chooser(judge(), curious, specs)
                .choose([cell()], ["a", "c"], seed=(7, row), is_first=True)
                .asked
            )
            for row in rows
        ]
        for _ in range(2)
    )

    assert first == second
    assert 60 < sum("c" in asked for asked in first) < 140


def test_draws_are_spread_evenly_over_names() -> None:
    assert sum(draw(1, row) < 0.25 for row in range(1000)) == pytest.approx(250, abs=50)


def test_money_is_dearer_when_it_goes_faster_than_the_work() -> None:
    early = Progress(total=100, ended=10, spent_microcredits=120)

    assert price_factor(early, None) == 1.0
    assert price_factor(early, 1200) == pytest.approx(1.0)
    assert price_factor(early, 1000) > 2.0
    assert price_factor(early, 0) > 1e6


def test_one_batch_may_take_twice_its_part_and_never_more_than_is_left() -> None:
    assert allowance(Progress(total=10, ended=5, spent_microcredits=500), 1000) == 200
    assert allowance(Progress(total=1), 1000) == 1000
    assert allowance(Progress(), None) is None


def test_habits_count_who_knew_what_and_how_surely() -> None:
    habits = habits_of(
        [
            Answered(provider="a", field="city", confidence=0.9, latency_s=1.0),
            Answered(provider="a", field="city", confidence=None, latency_s=3.0),
        ]
    )

    assert habits.habit("city", "a").asked == 2.0
    assert habits.habit("city", "a").found == 1.0
    assert habits.latency_s == {"a": 2.0}


def test_habits_travel_with_the_trust_they_belong_to() -> None:
    habits = Habits(
        answers={"city": {"a": Habit(asked=2.0, found=1.0, bins=(0.0, 1.0))}},
        latency_s={"a": 0.5},
        ageing={"city": Ageing(3.0, 12.5)},
    )

    again = trust_from_json(trust_to_json(TrustState(habits=habits)))

    assert again.habits == habits


def test_field_that_changes_often_grows_old_sooner() -> None:
    year_s = 365.25 * 86_400

    assert Ageing(50.0, 40.0).kept(year_s) < Ageing(1.0, 40.0).kept(year_s) < 1.0
    assert Ageing().kept(0.0) == 1.0
