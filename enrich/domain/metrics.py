"""What is counted and timed, added up exactly, and what operators read from it.

Durations fall into buckets that grow by a constant factor, so histograms of many processes add up,
and any quantile is within 4 % of the true one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, log
from typing import TypeAlias

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.keys import provider_of

__all__ = [
    "CACHE_HITS",
    "CACHE_MISSES",
    "CELL_HITS",
    "COALESCED",
    "PROVIDER_CALL",
    "EnrichmentMetrics",
    "Histogram",
    "Labels",
    "ProviderHealth",
    "Series",
    "SingleflightStats",
    "Sums",
    "added",
    "bucket_of",
    "hit_rates_of",
    "labels_of",
    "longest_of",
    "metrics_of",
    "seconds_of",
    "worst_states",
]

#: What `metrics_of` reads; the engine counts them.
CELL_HITS = "cell_hits"
CACHE_HITS = "cache_hits"
CACHE_MISSES = "cache_misses"
COALESCED = "coalesced"
PROVIDER_CALL = "provider_call"

_GROWTH = 1.08
_SHORTEST_S = 1e-4
_FAILED = frozenset({"unavailable", "malformed"})
_NOT_ASKED = frozenset({"skipped", "rate_limited", "pending"})
_WORST = ("closed", "half_open", "open")

Labels: TypeAlias = tuple[tuple[str, str], ...]


def labels_of(labels: Mapping[str, str] | None) -> Labels:
    """Put labels into the one order that names a series."""
    return tuple(sorted(labels.items())) if labels else ()


def bucket_of(seconds: float) -> int:
    """Give the bucket of a duration; below a tenth of a millisecond all are alike."""
    return ceil(log(max(seconds, _SHORTEST_S)) / log(_GROWTH))


def seconds_of(bucket: int) -> float:
    """Give the duration that is nearest to all of a bucket."""
    return float(2 * _GROWTH**bucket / (1 + _GROWTH))


def longest_of(bucket: int) -> float:
    """Give the longest duration, in seconds, that a bucket holds."""
    return float(_GROWTH**bucket)


@dataclass(frozen=True, slots=True)
class Series:
    """A name with its labels in order."""

    name: str
    labels: Labels = ()

    def has(self, name: str, labels: Mapping[str, str]) -> bool:
        """Say whether this is of that name and has at least these labels."""
        return self.name == name and labels.items() <= dict(self.labels).items()


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Durations by bucket, and their sum in microseconds."""

    buckets: Mapping[int, int] = field(default_factory=dict)
    total_us: int = 0

    @property
    def count(self) -> int:
        """How many durations there are."""
        return sum(self.buckets.values())

    def quantile_s(self, share: float) -> float | None:
        """Give the duration that this share (0 to 1) of all does not exceed; None without any."""
        rank = max(1, ceil(share * self.count))
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                return seconds_of(bucket)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Everything that was counted and timed, by series."""

    counters: Mapping[Series, int] = field(default_factory=dict)
    timings: Mapping[Series, Histogram] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> int:
        """Add up the counters of this name that have these labels."""
        return sum(n for series, n in self.counters.items() if series.has(name, labels))

    def timing(self, name: str, **labels: str) -> Histogram:
        """Add up the durations of this name that have these labels."""
        return added(h for series, h in self.timings.items() if series.has(name, labels))

    def values_of(self, label: str) -> frozenset[str]:
        """List what a label was ever set to."""
        every = (*self.counters, *self.timings)
        return frozenset(value for s in every for name, value in s.labels if name == label)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleflightStats:
    """How often a caller got what another had asked for."""

    coalesced_requests: int
    avg_waiters_per_request: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """One provider: its breaker, and its latency in seconds; None where nothing was measured.

    `error_rate` is that of the breaker's window, or of all time when its window is empty.
    """

    state: str
    error_rate: float | None
    latency_p50: float | None
    latency_p95: float | None
    latency_p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentMetrics:
    """The numbers of all processes together.

    A request is one look-up: of a cell, or of a provider's answer about a row. A negative hit is a
    hit that said "nobody knows".
    """

    total_requests: int
    cache_hits: int
    cache_misses: int
    negative_cache_hits: int
    singleflight_stats: SingleflightStats
    provider_health: Mapping[str, ProviderHealth]

    @property
    def cache_hit_rate(self) -> float | None:
        """Hits by look-ups; None before the first."""
        return self.cache_hits / self.total_requests if self.total_requests else None


def metrics_of(sums: Sums, breakers: Mapping[str, Iterable[BreakerStatus]]) -> EnrichmentMetrics:
    """Read the numbers; `breakers` gives by provider the states of its breakers."""
    hits = sums.total(CELL_HITS) + sums.total(CACHE_HITS)
    misses = sums.total(CACHE_MISSES)
    negative = sums.total(CELL_HITS, negative="true") + sums.total(CACHE_HITS, outcome="not_found")
    coalesced, calls = sums.total(COALESCED), sums.timing(PROVIDER_CALL).count
    names = sums.values_of("provider") | breakers.keys()
    return EnrichmentMetrics(
        total_requests=hits + misses,
        cache_hits=hits,
        cache_misses=misses,
        negative_cache_hits=negative,
        singleflight_stats=SingleflightStats(
            coalesced_requests=coalesced,
            avg_waiters_per_request=coalesced / calls if calls else 0.0,
        ),
        provider_health={
            name: _health(sums, name, tuple(breakers.get(name, ()))) for name in sorted(names)
        },
    )


def worst_states(breakers: Mapping[str, BreakerStatus]) -> dict[str, str]:
    """Give by provider the state of its worst breaker; `breakers` are by their own names."""
    worst: dict[str, str] = {}
    for key, status in breakers.items():
        states = (status.state, worst.get(provider_of(key), _WORST[0]))
        worst[provider_of(key)] = max(states, key=_WORST.index)
    return worst


def hit_rates_of(sums: Sums) -> dict[str, float]:
    """Tell by provider how often it knew a row that it was asked about; only of those asked."""
    rates = {}
    for name in sums.values_of("provider"):
        found = sums.total(CACHE_MISSES, provider=name, outcome="found")
        asked = found + sums.total(CACHE_MISSES, provider=name, outcome="not_found")
        if asked:
            rates[name] = found / asked
    return rates


def _health(sums: Sums, provider: str, breakers: tuple[BreakerStatus, ...]) -> ProviderHealth:
    latency = sums.timing(PROVIDER_CALL, provider=provider)
    return ProviderHealth(
        state=max((b.state for b in breakers), key=_WORST.index, default="closed"),
        error_rate=_error_rate(sums, provider, breakers),
        latency_p50=latency.quantile_s(0.50),
        latency_p95=latency.quantile_s(0.95),
        latency_p99=latency.quantile_s(0.99),
    )


def _error_rate(sums: Sums, provider: str, breakers: tuple[BreakerStatus, ...]) -> float | None:
    failures = sum(b.failures for b in breakers)
    asked = failures + sum(b.successes for b in breakers)
    if not asked:
        outcomes = {
            kind: sums.total(CACHE_MISSES, provider=provider, outcome=kind)
            for kind in sums.values_of("outcome") - _NOT_ASKED
        }
        asked = sum(outcomes.values())
        failures = sum(outcomes.get(kind, 0) for kind in _FAILED)
    return failures / asked if asked else None


def added(histograms: Iterable[Histogram]) -> Histogram:
    """Add up histograms, exactly."""
    buckets: Counter[int] = Counter()
    total_us = 0
    for histogram in histograms:
        buckets.update(histogram.buckets)
        total_us += histogram.total_us
    return Histogram(buckets=buckets, total_us=total_us)
