"""How a provider writes the values of a field, where that must be known to read them.

It is learned by comparing providers and needs no labels: one leaves out the zeros of its amounts,
another writes the day before the month.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from enrich.domain.fusion.votes import Vote
from enrich.domain.normalise import Context, Normalised, normaliser_of_field, rescaled
from enrich.domain.values import Json, JsonObject

__all__ = ["Notation", "notations_from_json", "notations_to_json", "reread", "same_kind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """How one provider writes one field.

    Attributes:
        factor: what its amounts of money must be multiplied with.
        day_first: «03/04/2021» is in April; None: its dates do not tell.
    """

    factor: int = 1
    day_first: bool | None = None


def reread(votes: Iterable[Vote], field: str, notations: Mapping[str, Notation]) -> Iterable[Vote]:
    """Give votes with their values read as their providers write them."""
    if not notations:
        return votes
    return [
        _reread(vote, field, notations[vote.provider]) if vote.provider in notations else vote
        for vote in votes
    ]


def _reread(vote: Vote, field: str, notation: Notation) -> Vote:
    if vote.readable:
        read = rescaled(Normalised(vote.key, vote.value, vote.raw), notation.factor)
    else:
        reader = normaliser_of_field(field, Context(day_first=notation.day_first))
        read = reader.normalise(vote.raw)
    shown = same_kind(read.display, vote.raw)
    return replace(vote, key=read.canonical, value=shown, readable=not read.problem)


def same_kind(display: Json, raw: Json) -> Json:
    """Give how a value is written; as it was given if that would make a text of a number."""
    return display if type(display) is type(raw) else raw


def notations_to_json(notations: Mapping[str, Notation]) -> JsonObject:
    """Encode, names in their order."""
    return {name: [one.factor, one.day_first] for name, one in sorted(notations.items())}


def notations_from_json(raw: Mapping[str, Any]) -> dict[str, Notation]:
    """Decode what `notations_to_json` made."""
    return {
        name: Notation(factor=int(factor), day_first=day_first)
        for name, (factor, day_first) in raw.items()
    }
