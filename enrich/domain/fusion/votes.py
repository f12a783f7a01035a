"""What fusion takes and gives: votes in, one value with its probability and its rivals out.

There are millions of these values, and a frozen class takes three times as long to fill. So they
are not frozen; nobody changes one all the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from enrich.domain.normalise import canonical
from enrich.domain.values import Json

__all__ = ["Candidate", "Flag", "Fused", "Group", "Verdict", "Vote", "groups_of", "speaker_of"]


class Verdict(StrEnum):
    """Whether a value may stand, or somebody dearer is to be asked."""

    ACCEPT = "accept"
    ESCALATE = "escalate"


class Flag(StrEnum):
    """Why a person may want to look at a cell."""

    UNDECIDED = "undecided"  # no value is sure enough to be accepted
    CONTESTED = "contested"  # one is, but another family backs a rival that may be right


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Vote:
    """One provider's observation of one cell. `rank` orders equals: cheaper tiers first.

    `key` is equal for values that mean the same; without one the plain canonical form is taken.
    `value` is how it is to be written, `raw` what the provider gave. A vote that is not `readable`
    (its value cannot be what the field holds) counts only where no other is.
    """

    provider: str
    family: str
    rank: int
    value: Json
    confidence: float
    observed_at: datetime
    key: str = ""
    raw: Json = None
    readable: bool = True


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Candidate:
    """One of the values that were given: how probable it is, and who gave it.

    Outside of learned fusion `probability` is the value's share of all weight.
    """

    value: Json
    key: str
    probability: float
    providers: tuple[str, ...]
    families: int


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Fused:
    """The value that stands for a cell.

    Attributes:
        confidence: learned fusion: the probability that the value is right.
        support: how many independent families are behind it.
        agreement: its share of all weight, in learned fusion of all families.
        candidates: every value that was given, the chosen one first, then by falling probability.
        none: the probability that none of them is right; 0 outside of learned fusion.
    """

    value: Json
    provider: str
    confidence: float
    observed_at: datetime
    support: int
    agreement: float
    verdict: Verdict
    flags: tuple[Flag, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    none: float = 0.0

    @property
    def runner_up(self) -> Candidate | None:
        """The most probable of the other values."""
        return self.candidates[1] if len(self.candidates) > 1 else None


#: Votes for one value, with their common key.
Group = tuple[str, Sequence[Vote]]


def groups_of(votes: Iterable[Vote]) -> list[Group]:
    """Gather equal values, in the order of their keys: one that no caller can influence."""
    groups: dict[str, list[Vote]] = {}
    unreadable: dict[str, list[Vote]] = {}
    for vote in votes:
        gathered = groups if vote.readable else unreadable
        gathered.setdefault(vote.key or canonical(vote.value), []).append(vote)
    groups = groups or unreadable
    if len(groups) == 1:
        return list(groups.items())
    return sorted(groups.items())


def speaker_of(group: Sequence[Vote]) -> Vote:
    """Choose the vote whose spelling stands: the surest, then the cheapest, then by name."""
    first = group[0]
    for vote in group[1:]:
        if vote.confidence > first.confidence or (
            vote.confidence == first.confidence and _precedes(vote, first)
        ):
            first = vote
    return first


def _precedes(vote: Vote, other: Vote) -> bool:
    """Say whether a vote goes before one that is as sure."""
    if vote.rank != other.rank:
        return vote.rank < other.rank
    if vote.provider != other.provider:
        return vote.provider < other.provider
    # Only who speaks twice comes here.
    return (repr(vote.value), vote.observed_at) < (repr(other.value), other.observed_at)
