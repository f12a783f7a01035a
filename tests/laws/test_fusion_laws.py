"""Laws that fusion obeys whatever the providers say."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from enrich.domain.fusion import Vote, fuse
from enrich.domain.normalise import canonical
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.values import Json

AT = datetime(2026, 1, 1, tzinfo=UTC)

values = st.one_of(
    st.sampled_from(["Acme", "acme ", "Bcme", "12", "007", "-5", "5"]),
    st.integers(-50, 50),
    st.booleans(),
    st.lists(st.sampled_from(["a", "b", "A"]), max_size=3),
)
votes = st.lists(
    st.builds(
        Vote,
        provider=st.sampled_from("abcdef"),
        family=st.sampled_from("xyz"),
        rank=st.integers(0, 3),
        value=values,
        confidence=st.floats(0, 1),
        observed_at=st.integers(0, 5).map(lambda days: AT + timedelta(days=days)),
    ),
    max_size=8,
)
policies = st.builds(
    FusionPolicy,
    method=st.sampled_from(FusionMethod),
    agreement_threshold=st.floats(0.1, 1, allow_nan=False),
)


@given(votes, policies, st.integers())
def test_the_order_of_votes_never_matters(
    votes: list[Vote], policy: FusionPolicy, seed: int
) -> None:
    shuffled = list(votes)
    Random(seed).shuffle(shuffled)

    assert fuse(votes, policy, min_confidence=0.5) == fuse(shuffled, policy, min_confidence=0.5)


@given(votes, policies)
def test_confidence_and_agreement_stay_within_their_range(
    votes: list[Vote], policy: FusionPolicy
) -> None:
    fused = fuse(votes, policy, min_confidence=0.5)

    assert fused is None or (0 <= fused.confidence <= 1 and 0 <= fused.agreement <= 1)


@given(votes, policies)
def test_saying_it_twice_changes_nothing(votes: list[Vote], policy: FusionPolicy) -> None:
    assert fuse(votes + votes, policy, min_confidence=0.5) == fuse(
        votes, policy, min_confidence=0.5
    )


@given(values)
def test_canonical_form_of_text_is_its_own(value: Json) -> None:
    once = canonical(value)

    assert canonical(once) == once or isinstance(value, list)


@given(st.integers(-(10**6), 10**6))
def test_a_number_and_its_text_are_one(number: int) -> None:
    assert canonical(number) == canonical(str(number)) == canonical(float(number))


@given(st.from_regex(r"0[0-9]{1,8}", fullmatch=True))
def test_leading_zeros_keep_identifiers_apart(code: str) -> None:
    assert canonical(code) != canonical(str(int(code)))
