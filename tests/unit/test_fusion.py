"""What several providers say about one cell becomes one value and a verdict."""

from datetime import UTC, datetime

from enrich.domain.fusion import Verdict, Vote, fuse
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.values import Json

BEST = FusionPolicy()
ENSEMBLE = FusionPolicy(method=FusionMethod.ENSEMBLE, agreement_threshold=0.8)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def vote(provider: str, value: Json, confidence: float, *, family: str = "", rank: int = 0) -> Vote:
    return Vote(
        provider=provider,
        family=family or provider,
        rank=rank,
        value=value,
        confidence=confidence,
        observed_at=AT,
    )


def test_no_votes_make_no_value() -> None:
    assert fuse([], BEST, min_confidence=0.5) is None


def test_the_only_value_stands_with_its_own_confidence() -> None:
    fused = fuse([vote("a", "Acme", 0.7)], BEST, min_confidence=0.5)

    assert fused is not None
    assert (fused.value, fused.confidence, fused.verdict) == ("Acme", 0.7, Verdict.ACCEPT)


def test_agreement_of_two_families_raises_confidence() -> None:
    fused = fuse([vote("a", "Acme", 0.7), vote("b", "ACME ", 0.7)], BEST, min_confidence=0.5)

    assert fused is not None
    assert (fused.support, fused.confidence) == (2, 0.91)


def test_a_reseller_adds_nothing_to_its_own_family() -> None:
    votes = [vote("a", "Acme", 0.7, family="x"), vote("b", "Acme", 0.6, family="x")]

    fused = fuse(votes, BEST, min_confidence=0.5)

    assert fused is not None
    assert (fused.support, fused.confidence) == (1, 0.7)


def test_disagreement_lowers_confidence_below_acceptance() -> None:
    fused = fuse([vote("a", "Acme", 0.7), vote("b", "Bcme", 0.6)], BEST, min_confidence=0.5)

    assert fused is not None
    assert (fused.value, fused.verdict) == ("Acme", Verdict.ESCALATE)


def test_a_value_just_as_sure_as_it_has_to_be_is_taken() -> None:
    fused = fuse([vote("a", "Acme", 0.5)], BEST, min_confidence=0.5)

    assert fused is not None
    assert fused.verdict is Verdict.ACCEPT


def test_a_doubtful_value_escalates() -> None:
    fused = fuse([vote("a", "Acme", 0.4)], BEST, min_confidence=0.5)

    assert fused is not None
    assert fused.verdict is Verdict.ESCALATE


def test_an_ensemble_does_not_take_one_voice_for_agreement() -> None:
    fused = fuse([vote("a", "Acme", 0.95)], ENSEMBLE, min_confidence=0.5)

    assert fused is not None
    assert fused.verdict is Verdict.ESCALATE


def test_an_ensemble_accepts_agreement_at_its_threshold() -> None:
    votes = [vote("a", "Acme", 0.8), vote("b", "Acme", 0.8), vote("c", "Bcme", 0.24)]

    fused = fuse(votes, ENSEMBLE, min_confidence=0.5)

    assert fused is not None
    assert (fused.agreement, fused.verdict) == (0.8, Verdict.ACCEPT)


def test_the_surest_of_equals_speaks_and_the_cheaper_breaks_a_tie() -> None:
    votes = [vote("dear", "ACME", 0.8, rank=9), vote("cheap", "Acme", 0.8), vote("z", "acme", 0.5)]

    fused = fuse(votes, BEST, min_confidence=0.5)

    assert fused is not None
    assert (fused.provider, fused.value) == ("cheap", "Acme")
