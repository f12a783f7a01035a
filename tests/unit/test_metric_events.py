"""Numbers in the log: what was counted, by tenant and provider, and how things stand."""

from typing import Any

import pytest

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.metric_events import counted_events, standing_events
from enrich.domain.metrics import worst_states
from enrich.state.metrics_memory import MemoryMetrics

ASKED = {"provider": "acme", "tier": "free", "tenant": "globex"}


@pytest.fixture
def told() -> dict[str, list[Any]]:
    """What is told of two seconds with some of everything."""
    metrics = MemoryMetrics()
    metrics.count("cells_written", 30)
    metrics.count("cache_hits", 5, {**ASKED, "outcome": "found"})
    metrics.count("cache_misses", 4, {**ASKED, "outcome": "found"})
    metrics.count("cache_misses", 2, {**ASKED, "outcome": "unavailable"})
    metrics.count("rows_embedded", 9)
    metrics.count("embeddings_skipped", 1)
    metrics.observe("provider_call", 0.1, {"provider": "acme"})
    found: dict[str, list[Any]] = {}
    for event in counted_events(metrics.read(), 2.0):
        found.setdefault(str(event.pop("metric")), []).append(event)
    return found


def test_throughput_is_by_the_second(told: dict[str, list[Any]]) -> None:
    assert told["throughput"] == [{"cells_per_s": 15.0, "seconds": 2.0}]


def test_usage_is_by_tenant(told: dict[str, list[Any]]) -> None:
    usage = {"tenant": "globex", "lookups": 11, "cache_hits": 5, "runs": 0}
    assert told["tenant.usage"] == [usage]


def test_failures_are_by_category_and_success_is_none(told: dict[str, list[Any]]) -> None:
    assert told["provider.failures"] == [{"provider": "acme", "category": "unavailable", "rows": 2}]


def test_latency_has_its_percentiles_in_milliseconds(told: dict[str, list[Any]]) -> None:
    (event,) = told["provider.latency"]

    assert (event["provider"], event["calls"]) == ("acme", 1)
    assert event["p50_ms"] == event["p99_ms"] == pytest.approx(100, rel=0.05)


def test_embedding_tells_its_share_of_success(told: dict[str, list[Any]]) -> None:
    assert told["embedding.success"] == [{"embedded": 9, "skipped": 1, "ratio": 0.9}]


def test_queues_and_breakers_are_told_as_they_stand() -> None:
    assert list(standing_events({"enrich.fuse": 3}, {"acme": "half_open"})) == [
        {"metric": "queue.depth", "queue": "enrich.fuse", "messages": 3},
        {"metric": "breaker.state", "provider": "acme", "state": "half_open", "value": 0.5},
    ]


def test_the_worst_breaker_of_a_provider_stands_for_it() -> None:
    states = {"acme#1": "open", "acme": "closed", "globex": "half_open", "acme#2": "half_open"}
    breakers = {
        key: BreakerStatus(key=key, state=state, successes=0, failures=0)
        for key, state in states.items()
    }

    assert worst_states(breakers) == {"acme": "open", "globex": "half_open"}
