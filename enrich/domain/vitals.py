"""How a provider does: what came of asking it, lately or ever, out of what all processes count."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from enrich.domain.metrics import CACHE_HITS, CACHE_MISSES, PROVIDER_CALL, Histogram, Sums, added

__all__ = ["Vitals", "vitals_of"]

K = TypeVar("K")

_FAILED = ("unavailable", "malformed")
#: Outcomes that say nothing about how the provider does.
_NOT_ASKED = ("skipped", "rate_limited", "pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What was counted of one provider: rows asked about by outcome, rows cached, calls timed."""

    outcomes: Mapping[str, int] = field(default_factory=dict)
    cached: int = 0
    calls: Histogram = field(default_factory=Histogram)

    @property
    def asked(self) -> int:
        """Rows that it was really asked about."""
        return sum(n for kind, n in self.outcomes.items() if kind not in _NOT_ASKED)

    @property
    def error_rate(self) -> float | None:
        """Share of them that failed; None before the first."""
        failed = sum(self.outcomes.get(kind, 0) for kind in _FAILED)
        return failed / self.asked if self.asked else None

    @property
    def hit_rate(self) -> float | None:
        """Of the rows that it knew or did not know, the share that it knew."""
        found, unknown = self.outcomes.get("found", 0), self.outcomes.get("not_found", 0)
        return found / (found + unknown) if found + unknown else None

    def since(self, before: "Vitals") -> "Vitals":
        """Give what was counted after `before`; all of it when the counts were begun anew."""
        if self.calls.count < before.calls.count or self.asked < before.asked:
            return self
        return Vitals(
            outcomes=_grown(self.outcomes, before.outcomes),
            cached=max(0, self.cached - before.cached),
            calls=Histogram(
                buckets=_grown(self.calls.buckets, before.calls.buckets),
                total_us=max(0, self.calls.total_us - before.calls.total_us),
            ),
        )


def vitals_of(sums: Sums) -> Mapping[str, Vitals]:
    """Read the sums once, and tell them apart by provider."""
    outcomes: dict[str, Counter[str]] = {}
    cached: Counter[str] = Counter()
    timed: dict[str, list[Histogram]] = {}
    for series, number in sums.counters.items():
        labels = dict(series.labels)
        provider = labels.get("provider", "")
        if series.name == CACHE_MISSES:
            outcomes.setdefault(provider, Counter())[labels.get("outcome", "")] += number
        elif series.name == CACHE_HITS:
            cached[provider] += number
    for series, histogram in sums.timings.items():
        if series.name == PROVIDER_CALL:
            timed.setdefault(dict(series.labels).get("provider", ""), []).append(histogram)
    return {
        name: Vitals(
            outcomes=outcomes.get(name, {}),
            cached=cached[name],
            calls=added(timed.get(name, ())),
        )
        for name in sorted({*outcomes, *cached, *timed} - {""})
    }


def _grown(now: Mapping[K, int], before: Mapping[K, int]) -> dict[K, int]:
    grown = {key: number - before.get(key, 0) for key, number in now.items()}
    return {key: number for key, number in grown.items() if number > 0}
