"""Fusion by the providers' own confidence: `best` takes the value with the most weight behind it;
`ensemble` also asks for agreement. A family votes once, with its most confident member.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TypeAlias

from enrich.domain.fusion.votes import (
    Candidate,
    Flag,
    Fused,
    Group,
    Verdict,
    Vote,
    speaker_of,
)

__all__ = ["fuse_counted"]

#: No number of agreeing providers makes a value certain.
_MOST = 0.99


#: Who backs a value: provider, family and confidence.
_Backer: TypeAlias = tuple[str, str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Backing:
    """What the votes for one value come to, whatever the value is."""

    weight: float
    share: float
    probability: float
    confidence: float
    providers: tuple[str, ...]
    families: int


def fuse_counted(
    groups: Sequence[Group], *, threshold: float | None, min_confidence: float
) -> Fused:
    """Choose a value from groups of votes, of which there is at least one.

    With a `threshold` it also needs two families and that share of all weight to be accepted.
    """
    backings = _backings(
        tuple([tuple([(v.provider, v.family, v.confidence) for v in votes]) for _, votes in groups])
    )
    speakers = [speaker_of(votes) for _, votes in groups]
    ranked = sorted(range(len(groups)), key=lambda i: (-backings[i].weight, speakers[i].rank, i))
    best = ranked[0]
    speaker = speakers[best]
    candidates = tuple([_candidate(groups[i][0], backings[i], speakers[i]) for i in ranked])
    confidence, agreement = backings[best].confidence, backings[best].share
    verdict = _verdict(confidence, agreement, candidates[0].families, threshold, min_confidence)
    return Fused(
        value=speaker.value,
        provider=speaker.provider,
        confidence=confidence,
        observed_at=speaker.observed_at,
        support=candidates[0].families,
        agreement=round(agreement, 6),
        verdict=verdict,
        flags=(Flag.UNDECIDED,) if verdict is Verdict.ESCALATE else (),
        candidates=candidates,
    )


def _verdict(
    confidence: float,
    agreement: float,
    support: int,
    threshold: float | None,
    min_confidence: float,
) -> Verdict:
    if confidence < min_confidence:
        return Verdict.ESCALATE
    # A single answer always agrees with itself: agreement needs two families.
    if threshold is not None and (support < 2 or agreement < threshold):
        return Verdict.ESCALATE
    return Verdict.ACCEPT


def _candidate(key: str, backing: _Backing, speaker: Vote) -> Candidate:
    return Candidate(
        value=speaker.value,
        key=key,
        probability=backing.probability,
        providers=backing.providers,
        families=backing.families,
    )


@lru_cache(maxsize=4096)
def _backings(groups: tuple[tuple[_Backer, ...], ...]) -> tuple[_Backing, ...]:
    """Weigh groups against each other; remembered, as the same few divisions come in every row."""
    weights = [_weight(group) for group in groups]
    total = sum(sorted(weights))
    shares = [weight / total if total else 0.0 for weight in weights]
    return tuple(
        _Backing(
            weight=weight,
            share=share,
            probability=round(share, 6),
            confidence=round(weight * share, 6),
            providers=tuple(sorted({provider for provider, _, _ in group})),
            families=len({family for _, family, _ in group}),
        )
        for group, weight, share in zip(groups, weights, shares, strict=True)
    )


def _weight(group: Iterable[_Backer]) -> float:
    """Give the chance that not all families of the group are wrong, were they independent."""
    strongest: dict[str, float] = {}
    for _, family, confidence in group:
        strongest[family] = max(confidence, strongest.get(family, 0.0))
    return min(_MOST, 1.0 - prod(1.0 - c for c in sorted(strongest.values())))
