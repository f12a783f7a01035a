"""Laws of learned fusion, whatever was learned and whatever the providers say."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from math import log
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from enrich.domain.fusion import FieldTrust, Fused, Judge, Tally, TrustState, Vote, fuse
from enrich.domain.fusion.encoding import trust_from_json, trust_to_json
from enrich.domain.learning import Evidence, learn
from enrich.domain.policy import FusionMethod, FusionPolicy

AT = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = "abcdef"
#: No law is about time.
laws = settings(deadline=None, max_examples=60)
#: One more of each, trusted as much: the copies that a family may hold.
COPIES = {name: f"{name}2" for name in NAMES}


def a_state(seed: int) -> TrustState:
    """Make any state; of a number, because a thousand small draws take longer than the law."""
    draw = Random(seed)
    known = {n: Tally(draw.expovariate(0.02), draw.expovariate(0.02)) for n in NAMES}
    shifts = {n: draw.uniform(-2, 2) for n in NAMES if draw.random() < 0.5}
    field = FieldTrust(
        tallies={who: tally for name, tally in known.items() for who in (name, COPIES[name])},
        shifts={who: nats for name, nats in shifts.items() for who in (name, COPIES[name])},
        spread=draw.uniform(1, 50),
        scale=draw.uniform(0.05, 1.5),
        none=draw.choice([None, draw.uniform(-3, 3)]),
        sharpness=draw.uniform(0.2, 2),
        knots=_knots(draw) if draw.random() < 0.3 else (),
    )
    families = {"x": "x", "y": "x"} if draw.random() < 0.5 else {}
    bins = {"a": tuple(sorted(draw.uniform(-1, 1) for _ in range(8)))}
    return TrustState(
        version=1,
        fields={"f": field},
        families=families,
        bins={who: nats for name, nats in bins.items() for who in (name, COPIES[name])},
    )


def _knots(draw: Random) -> tuple[tuple[float, float], ...]:
    xs, ys = (sorted(draw.uniform(0.01, 0.99) for _ in range(3)) for _ in range(2))
    return tuple(zip(xs, ys, strict=True))


def a_table_state(seed: int) -> TrustState:
    """Make any state that knows what each says when what is true; two values are no part of it."""
    draw, truths = Random(seed), ("acme", "bcme", "none of yours")
    tables = {
        name: {
            truth: {said: log(draw.uniform(0.01, 1)) for said in truths} for truth in truths
        }
        for name in NAMES
    }  # fmt: skip
    state = a_state(seed)
    field = replace(
        state.fields["f"],
        confusion={who: table for n, table in tables.items() for who in (n, COPIES[n])},
        priors={truth: log(draw.uniform(0.05, 1)) for truth in truths},
    )
    return replace(state, fields={"f": field})


tallied = st.integers(0, 2**32).map(a_state)
#: Either path: weights that add up, or a table of a small set of values.
states = tallied | st.integers(0, 2**32).map(a_table_state)
votes = st.lists(
    st.builds(
        Vote,
        provider=st.sampled_from(NAMES),
        family=st.sampled_from(["x", "y", "z", "u", "v"]),
        rank=st.integers(0, 3),
        value=st.sampled_from(["Acme", "acme ", "Bcme", "Ccme", 7]),
        confidence=st.floats(0, 1),
        observed_at=st.just(AT),
    ),
    min_size=1,
    max_size=8,
)


def fused(said: list[Vote], state: TrustState) -> Fused:
    policy = FusionPolicy(method=FusionMethod.LEARNED, judge=Judge(state))
    found = fuse(said, policy, min_confidence=0.5, field="f")
    assert found is not None
    return found


@laws
@given(votes, states, st.integers())
def test_the_order_of_answers_never_matters(said: list[Vote], state: TrustState, seed: int) -> None:
    shuffled = list(said)
    Random(seed).shuffle(shuffled)

    assert fused(shuffled, state) == fused(said, state)


@laws
@given(votes, states, st.integers(0, 7))
def test_a_duplicate_within_a_family_changes_nothing(
    said: list[Vote], state: TrustState, place: int
) -> None:
    one = said[place % len(said)]
    echo = replace(one, provider=COPIES[one.provider], rank=one.rank + 1)

    before, after = fused(said, state), fused([*said, echo], state)

    assert (after.value, after.confidence, after.support, after.agreement, after.flags) == (
        before.value, before.confidence, before.support, before.agreement, before.flags,
    )  # fmt: skip


@laws
@given(votes, tallied, st.sampled_from(NAMES), st.floats(0, 1))
def test_more_trusted_support_never_lowers_confidence(
    said: list[Vote], state: TrustState, name: str, confidence: float
) -> None:
    before = fused(said, state)
    assume(Judge(state).weight("f", name, confidence) >= 0)
    known = replace(said[0], provider=name, family="new", value=before.value, key="")

    after = fused([*said, replace(known, confidence=confidence)], state)

    assert after.candidates[0].key == before.candidates[0].key
    # A field whose none is not learned reckons with its spread, which more voices do not change.
    assert after.confidence >= before.confidence - 1e-9


@laws
@given(votes, states)
def test_the_same_state_read_back_gives_the_same_bits(said: list[Vote], state: TrustState) -> None:
    again = trust_from_json(json.loads(json.dumps(trust_to_json(state))))

    assert again == state
    assert fused(said, again) == fused(said, state)


@laws
@given(votes, states)
def test_what_is_said_and_none_of_it_share_all_probability(
    said: list[Vote], state: TrustState
) -> None:
    found = fused(said, state)
    total = sum(candidate.probability for candidate in found.candidates) + found.none

    assert abs(total - 1.0) < 1e-6
    assert all(0 <= candidate.probability <= 1 for candidate in found.candidates)


@settings(laws, max_examples=15)
@given(st.lists(votes, min_size=1, max_size=6), st.integers(0, 3))
def test_learning_twice_from_the_same_gives_the_same_state(
    cells: list[list[Vote]], labelled: int
) -> None:
    evidence = [
        Evidence(field="f", votes=said, right=frozenset({"acme"}) if i < labelled else None)
        for i, said in enumerate(cells)
    ]

    first, second = learn(evidence), learn(evidence)

    assert json.dumps(trust_to_json(first)) == json.dumps(trust_to_json(second))
