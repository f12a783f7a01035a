"""Count how providers answer, from what they answered."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from enrich.domain.fusion.habits import Ageing, Habit, Habits
from enrich.domain.fusion.judge import BINS, bin_of
from enrich.domain.outcome import Found
from enrich.domain.run import Response
from enrich.domain.values import Json

__all__ = ["Answered", "ageing_of", "habits_of"]

_YEAR_S = 31_557_600.0

_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """That a provider answered about a field; `confidence` is None when it knew no value."""

    provider: str
    field: str
    confidence: float | None
    latency_s: float = 0.0
    weight: float = 1.0


def ageing_of(responses: Iterable[Response]) -> dict[str, Ageing]:
    """Count how often a provider's value of a cell was another one when it was asked anew."""
    seen: dict[tuple[int, str, str], list[tuple[datetime, Json]]] = defaultdict(list)
    for said in responses:
        if isinstance(said.outcome, Found) and not (said.from_cache or said.stale):
            for field, one in said.outcome.observations.items():
                seen[said.row, said.provider, field].append((said.observed_at, one.value))
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (_, _, field), values in seen.items():
        values.sort(key=lambda one: one[0])
        for (before_at, before), (at, value) in pairwise(values):
            if at > before_at:
                sums[field][0] += value != before
                sums[field][1] += (at - before_at).total_seconds()
    return {f: Ageing(n, round(took / _YEAR_S, _DIGITS)) for f, (n, took) in sorted(sums.items())}


def habits_of(answers: Iterable[Answered], ageing: Mapping[str, Ageing] | None = None) -> Habits:
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
