"""Count how providers answer, from what they answered."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from enrich.domain.fusion.habits import Ageing, Habit, Habits
from enrich.domain.fusion.judge import BINS, bin_of

__all__ = ["Answered", "habits_of"]

_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """That a provider answered about a field; `confidence` is None when it knew no value."""

    provider: str
    field: str
    confidence: float | None
    latency_s: float = 0.0
    weight: float = 1.0


def habits_of(answers: Iterable[Answered], ageing: dict[str, Ageing] | None = None) -> Habits:
    """Add up answers: each counts by its weight."""
    asked: dict[tuple[str, str], float] = defaultdict(float)
    bins: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * (len(BINS) + 1))
    waits: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in answers:
        name = one.field, one.provider
        asked[name] += one.weight
        if one.confidence is not None:
            bins[name][bin_of(one.confidence)] += one.weight
        waits[one.provider][0] += one.weight * one.latency_s
        waits[one.provider][1] += one.weight
    found: dict[str, dict[str, Habit]] = defaultdict(dict)
    for (field, provider), count in sorted(asked.items()):
        counts = tuple(round(n, _DIGITS) for n in bins[field, provider])
        found[field][provider] = Habit(
            asked=round(count, _DIGITS), found=round(sum(counts), _DIGITS), bins=counts
        )
    return Habits(
        answers=dict(found),
        latency_s={who: round(took / n, _DIGITS) for who, (took, n) in sorted(waits.items()) if n},
        ageing=ageing or {},
    )
