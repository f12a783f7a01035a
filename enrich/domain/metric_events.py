"""Numbers as lines of a log: what was counted within a while, and how things stand."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from enrich.domain.metrics import CACHE_HITS, CACHE_MISSES, PROVIDER_CALL, Histogram, Sums

__all__ = ["counted_events", "named_ms", "standing_events"]

#: Fields of a line; its name is among them as `metric`.
Event: TypeAlias = dict[str, object]

_STATES = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
#: Answers that are no failure of anybody.
_GOOD = frozenset({"found", "not_found", "pending", "skipped"})


def counted_events(sums: Sums, seconds: float) -> Iterator[Event]:
    """Tell what was counted within these seconds; each has its name as `metric`."""
    cells_per_s = round(sums.total("cells_written") / seconds, 3)
    yield {"metric": "throughput", "cells_per_s": cells_per_s, "seconds": round(seconds, 1)}
    for tenant in sorted(sums.values_of("tenant")):
        hits = sums.total(CACHE_HITS, tenant=tenant)
        lookups = hits + sums.total(CACHE_MISSES, tenant=tenant)
        runs = sums.total("runs_submitted", tenant=tenant)
        if lookups or runs:
            usage = {"tenant": tenant, "lookups": lookups, "cache_hits": hits, "runs": runs}
            yield {"metric": "tenant.usage", **usage}
    for provider in sorted(sums.values_of("provider")):
        yield from _of_provider(sums, provider)
    yield from _of_embedding(sums)


def standing_events(queues: Mapping[str, int], breakers: Mapping[str, str]) -> Iterator[Event]:
    """Tell how long queues are, and how breakers stand that are not closed."""
    for queue, messages in sorted(queues.items()):
        yield {"metric": "queue.depth", "queue": queue, "messages": messages}
    for provider, state in sorted(breakers.items()):
        value = {"state": state, "value": _STATES[state]}
        yield {"metric": "breaker.state", "provider": provider, **value}


def _of_provider(sums: Sums, provider: str) -> Iterator[Event]:
    took = sums.timing(PROVIDER_CALL, provider=provider)
    if took.count:
        calls = {"provider": provider, "calls": took.count}
        yield {"metric": "provider.latency", **calls, **_percentiles(took)}
    for kind in sorted(sums.values_of("outcome") - _GOOD):
        if rows := sums.total(CACHE_MISSES, provider=provider, outcome=kind):
            failed = {"provider": provider, "category": kind, "rows": rows}
            yield {"metric": "provider.failures", **failed}


def named_ms(quantiles_s: Sequence[float]) -> Event:
    """Name the seconds that 50, 95 and 99 of 100 took at most, in milliseconds."""
    names = ("p50_ms", "p95_ms", "p99_ms")
    return {n: round(seconds * 1000, 1) for n, seconds in zip(names, quantiles_s, strict=True)}


def _percentiles(took: Histogram) -> Event:
    return named_ms([took.quantile_s(share) or 0.0 for share in (0.50, 0.95, 0.99)])


def _of_embedding(sums: Sums) -> Iterator[Event]:
    embedded, skipped = sums.total("rows_embedded"), sums.total("embeddings_skipped")
    if embedded + skipped:
        ratio = round(embedded / (embedded + skipped), 4)
        counts = {"embedded": embedded, "skipped": skipped, "ratio": ratio}
        yield {"metric": "embedding.success", **counts}
