"""How providers answer: how often they know a field, how sure they say they are, how long it takes,
and how fast a field's values grow old. It is counted from the ledger, with no need of labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp
from typing import Any

from enrich.domain.values import JsonObject

__all__ = ["Ageing", "Habit", "Habits", "habits_from_json", "habits_to_json"]

_YEAR_S = 365.25 * 86_400.0
#: A field of which nothing is known is taken to have changed once in so many years of cells.
_PRIOR_YEARS, _PRIOR_CHANGES = 10.0, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """A provider's answers about one field: of `asked`, so many `found`.

    `bins` counts the found by the bin of the provider's own confidence; see `bin_of`.
    """

    asked: float = 0.0
    found: float = 0.0
    bins: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Ageing:
    """How often a provider's value of a cell was another one later, in how many years of cells."""

    changes: float = 0.0
    years: float = 0.0

    @property
    def yearly(self) -> float:
        """How often a value changes in a year, as far as is known."""
        return (self.changes + _PRIOR_CHANGES) / (self.years + _PRIOR_YEARS)

    def kept(self, age_s: float) -> float:
        """Give the chance that a value that old still holds."""
        return exp(-self.yearly * max(0.0, age_s) / _YEAR_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the ledger says: `answers` and `ageing` by field, `latency_s` by provider."""

    answers: Mapping[str, Mapping[str, Habit]] = field(default_factory=dict)
    latency_s: Mapping[str, float] = field(default_factory=dict)
    ageing: Mapping[str, Ageing] = field(default_factory=dict)

    def habit(self, field_name: str, provider: str) -> Habit:
        """Give what is known of a provider in a field."""
        return self.answers.get(field_name, {}).get(provider, _NONE)

    def age(self, field_name: str) -> Ageing:
        """Give how a field grows old."""
        return self.ageing.get(field_name, _YOUNG)

    def overall(self, provider: str) -> Habit:
        """Give a provider's answers about all fields together."""
        own = [some[provider] for some in self.answers.values() if provider in some]
        return Habit(asked=sum(h.asked for h in own), found=sum(h.found for h in own))


_NONE, _YOUNG = Habit(), Ageing()


def habits_to_json(habits: Habits) -> JsonObject:
    """Encode, names in their order."""
    return {
        "answers": {
            name: {who: [one.asked, one.found, *one.bins] for who, one in sorted(some.items())}
            for name, some in sorted(habits.answers.items())
        },
        "latency_s": {**dict(sorted(habits.latency_s.items()))},
        "ageing": {n: [one.changes, one.years] for n, one in sorted(habits.ageing.items())},
    }


def habits_from_json(raw: Mapping[str, Any]) -> Habits:
    """Decode; what an older version did not write is not known."""
    return Habits(
        answers={
            name: {
                who: Habit(asked=float(asked), found=float(found), bins=tuple(map(float, bins)))
                for who, (asked, found, *bins) in some.items()
            }
            for name, some in raw.get("answers", {}).items()
        },
        latency_s={who: float(s) for who, s in raw.get("latency_s", {}).items()},
        ageing={
            name: Ageing(float(changes), float(years))
            for name, (changes, years) in raw.get("ageing", {}).items()
        },
    )
