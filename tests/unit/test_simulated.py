"""Simulated providers: what they decide, and that they decide it again."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from enrich.domain.outcome import Found, NotFound, OutcomeKind, RateLimited, Skipped, Unavailable
from enrich.domain.provider import ProviderSpec, Query, Tier
from enrich.domain.values import Json, JsonObject
from enrich.ports.outside import Deadline
from providers.base import DEADLINE
from providers.registry import providers
from providers.simulated import SimulatedBehaviour, SimulatedProvider, Truth
from tests.asking import HandClock, far_deadline

_SPEC = ProviderSpec(
    name="pretender",
    version="1",
    tier=Tier.CHEAP,
    gives={"founded": 0.9, "website": 0.9, "industry": 0.9},
    inputs=(frozenset({"company_name"}),),
    bulk_size=50,
    simulated=True,
)
_QUERIES = [Query(row=row, inputs={"company_name": f"Company {row}"}) for row in range(400)]
_TRUTH: Mapping[str, Json] = {
    "founded": 1900,
    "website": "https://example.com",
    "industry": "Steel",
}


def _true(rows: Sequence[JsonObject]) -> Sequence[Mapping[str, Json]]:
    return [_TRUTH for _ in rows]


def _provider(
    clock: HandClock, behaviour: SimulatedBehaviour, *, truth: Truth | None = None
) -> SimulatedProvider:
    return SimulatedProvider(_SPEC, behaviour, truth=truth, clock=clock, sleep=clock.sleep)


def _kinds(provider: SimulatedProvider) -> Counter[OutcomeKind]:
    return Counter(answer.outcome.kind for answer in provider.ask(_QUERIES, far_deadline()))


def test_a_replay_is_equal() -> None:
    mixed = SimulatedBehaviour(
        failure_rate=0.2, coverage=0.7, wrongness=0.2, rate_limited_rate=0.05
    )
    first, second = (_provider(HandClock(), mixed).ask(_QUERIES, far_deadline()) for _ in range(2))

    assert first == second


def test_another_seed_is_another_world() -> None:
    worlds = [
        SimulatedProvider(_SPEC, SimulatedBehaviour(latency_s=0.0, coverage=0.5, seed=seed))
        for seed in (1, 2)
    ]
    first, second = (world.ask(_QUERIES, far_deadline()) for world in worlds)

    assert [a.outcome.kind for a in first] != [a.outcome.kind for a in second]


@pytest.mark.parametrize(
    ("behaviour", "kind", "share"),
    [
        (SimulatedBehaviour(failure_rate=0.3), OutcomeKind.UNAVAILABLE, 0.3),
        (SimulatedBehaviour(coverage=0.6), OutcomeKind.FOUND, 0.6),
        (SimulatedBehaviour(rate_limited_rate=0.2), OutcomeKind.RATE_LIMITED, 0.2),
    ],
    ids=str,
)
def test_rates_are_shares_of_rows(
    behaviour: SimulatedBehaviour, kind: OutcomeKind, share: float
) -> None:
    assert _kinds(_provider(HandClock(), behaviour))[kind] / len(_QUERIES) == pytest.approx(
        share, abs=0.07
    )


def test_wrong_values_are_wrong_and_as_many_as_told() -> None:
    provider = _provider(HandClock(), SimulatedBehaviour(wrongness=0.25), truth=_true)
    found = [answer.outcome for answer in provider.ask(_QUERIES, far_deadline())]
    told = [
        seen.value != _TRUTH[field]
        for outcome in found
        if isinstance(outcome, Found)
        for field, seen in outcome.observations.items()
    ]

    assert sum(told) / len(told) == pytest.approx(0.25, abs=0.04)


def test_no_value_claims_more_confidence_than_the_provider_deserves() -> None:
    provider = _provider(HandClock(), SimulatedBehaviour(wrongness=0.25), truth=_true)
    said = [
        seen.confidence
        for answer in provider.ask(_QUERIES, far_deadline())
        if isinstance(answer.outcome, Found)
        for seen in answer.outcome.observations.values()
    ]

    assert max(said) <= 0.75


def test_what_the_truth_does_not_know_is_not_found() -> None:
    provider = _provider(HandClock(), SimulatedBehaviour(), truth=lambda rows: [{} for _ in rows])

    assert _kinds(provider) == {OutcomeKind.NOT_FOUND: len(_QUERIES)}


def test_a_call_of_many_rows_takes_the_time_of_one() -> None:
    clock = HandClock()
    provider = _provider(clock, SimulatedBehaviour(latency_s=0.2, latency_sigma=0.0))
    answers = provider.ask(_QUERIES[:100], far_deadline())

    assert clock.passed_s == pytest.approx(2 * 0.2)
    assert {answer.latency_s for answer in answers} == {0.2}


def test_it_sleeps_no_longer_than_the_deadline_and_says_what_it_missed() -> None:
    clock = HandClock()
    provider = _provider(clock, SimulatedBehaviour(latency_s=0.2, latency_sigma=0.0))
    answers = provider.ask(_QUERIES[:150], Deadline(0.3))

    assert clock.passed_s == pytest.approx(0.3)
    assert [type(answers[row].outcome) for row in (0, 50, 100)] == [Found, Unavailable, Skipped]
    assert answers[100].outcome == Skipped(DEADLINE)


def test_a_rate_limit_says_when_to_come_back() -> None:
    clock = HandClock()
    provider = _provider(clock, SimulatedBehaviour(rate_limited_rate=1.0))
    (answer,) = provider.ask(_QUERIES[:1], far_deadline())

    assert isinstance(answer.outcome, RateLimited)
    assert answer.outcome.retry_at > clock.now()


def test_a_spec_that_hides_the_simulation_is_refused() -> None:
    honest = dataclasses.replace(_SPEC, simulated=False)

    with pytest.raises(ValueError, match="must say so"):
        SimulatedProvider(honest, SimulatedBehaviour())


@pytest.mark.parametrize(
    ("name", "tier", "price"),
    [
        ("scraper_demo", Tier.FREE, 0),
        ("contacts_demo", Tier.CHEAP, 2_000),
        ("apollo_demo", Tier.CHEAP, 4_000),
        ("linkedin_api", Tier.PREMIUM, 50_000),
    ],
)
def test_the_demo_has_every_tier(name: str, tier: Tier, price: int) -> None:
    spec = providers()[name].spec

    assert (spec.tier, spec.price_microcredits, spec.simulated) == (tier, price, True)


def test_an_unknown_row_is_not_found_even_by_full_coverage() -> None:
    provider = _provider(
        HandClock(), SimulatedBehaviour(), truth=lambda rows: [{"website": " "} for _ in rows]
    )

    assert provider.ask(_QUERIES[:1], far_deadline())[0].outcome == NotFound()
