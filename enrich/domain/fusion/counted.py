"""Fusion by the providers' own confidence: `best` takes the value with the most weight behind it;
`ensemble` also asks for agreement. A family votes once, with its most confident member.
"""

from collections.abc import Sequence
from math import prod

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


def fuse_counted(
    groups: Sequence[Group], *, threshold: float | None, min_confidence: float
) -> Fused:
    """Choose a value from groups of votes, of which there is at least one.

    With a `threshold` it also needs two families and that share of all weight to be accepted.
    """
    weights = [_weight(group) for _, group in groups]
    total = sum(sorted(weights))
    shares = [weight / total if total else 0.0 for weight in weights]
    speakers = [speaker_of(group) for _, group in groups]
    ranked = sorted(range(len(groups)), key=lambda i: (-weights[i], speakers[i].rank, i))
    best = ranked[0]
    speaker = speakers[best]
    candidates = tuple(_candidate(groups[i], shares[i], speakers[i]) for i in ranked)
    confidence, agreement = round(weights[best] * shares[best], 6), shares[best]
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


def _candidate(group: Group, share: float, speaker: Vote) -> Candidate:
    key, votes = group
    return Candidate(
        value=speaker.value,
        key=key,
        probability=round(share, 6),
        providers=tuple(sorted({vote.provider for vote in votes})),
        families=len({vote.family for vote in votes}),
    )


def _weight(group: Sequence[Vote]) -> float:
    """Give the chance that not all families of the group are wrong, were they independent."""
    strongest: dict[str, float] = {}
    for vote in group:
        strongest[vote.family] = max(vote.confidence, strongest.get(vote.family, 0.0))
    return min(_MOST, 1.0 - prod(1.0 - c for c in sorted(strongest.values())))
