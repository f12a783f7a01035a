"""The smallest shared words: JSON values, observations and money."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

__all__ = [
    "MICROCREDITS_PER_CREDIT",
    "Json",
    "JsonObject",
    "Observation",
    "credits_of",
    "is_blank",
    "is_storable",
    "microcredits_of",
    "only_known",
]

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"

#: Money is counted in whole micro-credits, so that sums are exact. One credit is one US dollar
#: unless an operator prices providers in something else.
MICROCREDITS_PER_CREDIT = 1_000_000


# Not frozen: there are millions, and a frozen one takes twice as long to fill. Nobody changes one.
@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Observation:
    """One value that a provider gives for one field, and how sure it is.

    `confidence` is within 0 and 1, as the provider (or our prior for it) states it; `note` says why
    it is so, in our own words.
    """

    value: Json
    confidence: float
    note: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            msg = f"confidence must be within 0 and 1, not {self.confidence}"
            raise ValueError(msg)


def credits_of(microcredits: int) -> float:
    """Turn whole micro-credits into credits, for people to read."""
    return microcredits / MICROCREDITS_PER_CREDIT


def microcredits_of(amount: float) -> int:
    """Turn credits into whole micro-credits, rounded to the nearest."""
    return round(amount * MICROCREDITS_PER_CREDIT)


def is_blank(value: Json) -> bool:
    """Say whether a cell with this value still lacks one: null, or text of spaces only."""
    return value is None or (isinstance(value, str) and not value.strip())


def is_storable(value: object) -> bool:
    """Say whether a database can hold the value: JSON, no number that is infinite or none."""
    if value is None or isinstance(value, str | int):
        return True
    match value:
        case float():
            return isfinite(value)
        case list() | tuple():
            return all(is_storable(item) for item in value)
        case dict():
            return all(isinstance(key, str) and is_storable(item) for key, item in value.items())
        case _:
            return False


def only_known(values: Mapping[str, Json]) -> JsonObject:
    """Keep what is not blank."""
    return {key: value for key, value in values.items() if not is_blank(value)}
