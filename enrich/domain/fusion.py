"""Turn what several providers said about one cell into one value and a verdict.

`best` takes the value with the most weight behind it; `ensemble` also asks for agreement. A
provider's family votes once, with its most confident member.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from math import prod

from enrich.domain.normalise import canonical
from enrich.domain.policy import FusionPolicy
from enrich.domain.values import Json

__all__ = ["Fused", "Verdict", "Vote", "fuse"]

#: No number of agreeing providers makes a value certain.
_MOST = 0.99


class Verdict(StrEnum):
    """Whether a value may stand, or somebody dearer is to be asked."""

    ACCEPT = "accept"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One provider's observation of one cell. `rank` orders equals: cheaper tiers first."""

    provider: str
    family: str
    rank: int
    value: Json
    confidence: float
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """The value that stands for a cell.

    `support` counts the families behind it, `agreement` is its share of all weight, `confidence` is
    lowered by what speaks against it.
    """

    value: Json
    provider: str
    confidence: float
    observed_at: datetime
    support: int
    agreement: float
    verdict: Verdict


def fuse(votes: Iterable[Vote], policy: FusionPolicy, *, min_confidence: float) -> Fused | None:
    """Choose a value from votes; None without any. The order of the votes never matters."""
    groups = _groups(votes)
    if not groups:
        return None
    weights = [_weight(group) for group in groups]
    total = sum(sorted(weights))
    best = max(range(len(groups)), key=lambda i: (weights[i], -_speaker(groups[i]).rank, -i))
    speaker = _speaker(groups[best])
    agreement = weights[best] / total if total else 0.0
    confidence = round(weights[best] * agreement, 6)
    support = len({vote.family for vote in groups[best]})
    return Fused(
        value=speaker.value,
        provider=speaker.provider,
        confidence=confidence,
        observed_at=speaker.observed_at,
        support=support,
        agreement=round(agreement, 6),
        verdict=_verdict(confidence, agreement, support, policy, min_confidence),
    )


def _verdict(
    confidence: float, agreement: float, support: int, policy: FusionPolicy, min_confidence: float
) -> Verdict:
    if confidence < min_confidence:
        return Verdict.ESCALATE
    # A single answer always agrees with itself: agreement needs two families.
    if policy.ensemble and (support < 2 or agreement < policy.agreement_threshold):
        return Verdict.ESCALATE
    return Verdict.ACCEPT


def _groups(votes: Iterable[Vote]) -> list[Sequence[Vote]]:
    """Gather equal values, in an order that no caller can influence."""
    keyed = sorted(((canonical(vote.value), vote) for vote in votes), key=_order)
    return [[vote for _, vote in group] for _, group in groupby(keyed, key=lambda pair: pair[0])]


def _order(pair: tuple[str, Vote]) -> tuple[str, str, str, float, datetime]:
    text, vote = pair
    return text, vote.provider, repr(vote.value), vote.confidence, vote.observed_at


def _weight(group: Sequence[Vote]) -> float:
    """Give the chance that not all families of the group are wrong, were they independent."""
    strongest: dict[str, float] = {}
    for vote in group:
        strongest[vote.family] = max(vote.confidence, strongest.get(vote.family, 0.0))
    return min(_MOST, 1.0 - prod(1.0 - c for c in sorted(strongest.values())))


def _speaker(group: Sequence[Vote]) -> Vote:
    return min(group, key=lambda v: (-v.confidence, v.rank, v.provider, repr(v.value)))
