"""Numbers of many processes add up, and quantiles stay near the true ones."""

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.metrics import ProviderHealth, SingleflightStats, Sums, metrics_of
from enrich.state.metrics_memory import MemoryMetrics

LATENCIES_S = st.lists(st.floats(0.0002, 600.0), min_size=1, max_size=200)
ACME = {"provider": "acme"}


def recorded(*latencies_s: float) -> MemoryMetrics:
    metrics = MemoryMetrics()
    for latency_s in latencies_s:
        metrics.observe("provider_call", latency_s, ACME)
    return metrics


@settings(deadline=None)
@given(latencies_s=LATENCIES_S, share=st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_five_percent_of_the_true_one(
    latencies_s: list[float], share: float
) -> None:
    true_s = sorted(latencies_s)[ceil(share * len(latencies_s)) - 1]

    seen_s = recorded(*latencies_s).read().timing("provider_call").quantile_s(share)

    assert seen_s == pytest.approx(true_s, rel=0.05)


@settings(deadline=None)
@given(latencies_s=LATENCIES_S)
def test_the_order_of_durations_never_matters(latencies_s: list[float]) -> None:
    assert recorded(*latencies_s).read() == recorded(*reversed(latencies_s)).read()


def test_a_duration_of_nothing_is_counted_too() -> None:
    timing = recorded(0.0, -1.0).read().timing("provider_call")

    assert timing.count == 2


def test_before_the_first_request_rates_are_unknown() -> None:
    metrics = metrics_of(Sums(), {"acme": ()})

    assert (metrics.total_requests, metrics.cache_hit_rate) == (0, None)
    assert metrics.provider_health["acme"] == ProviderHealth(
        state="closed", error_rate=None, latency_p50=None, latency_p95=None, latency_p99=None
    )


def test_c43_hits_of_cells_and_of_answers_count_and_negative_ones_apart() -> None:
    counts = MemoryMetrics()
    counts.count("cell_hits", 2, {"negative": "true"})
    counts.count("cell_hits", 1, {"negative": "false"})
    counts.count("cache_hits", 3, {**ACME, "outcome": "found"})
    counts.count("cache_hits", 1, {**ACME, "outcome": "not_found"})
    counts.count("cache_misses", 3, {**ACME, "outcome": "found"})

    metrics = metrics_of(counts.read(), {})

    assert (metrics.total_requests, metrics.cache_hits, metrics.cache_misses) == (10, 7, 3)
    assert (metrics.negative_cache_hits, metrics.cache_hit_rate) == (3, 0.7)


def test_s26_ten_callers_of_one_call_are_nine_coalesced() -> None:
    counts = recorded(0.1)
    counts.count("coalesced", 9, ACME)

    stats = metrics_of(counts.read(), {}).singleflight_stats

    assert stats == SingleflightStats(coalesced_requests=9, avg_waiters_per_request=9.0)


def test_the_worst_breaker_of_a_provider_speaks_for_it_and_their_windows_add_up() -> None:
    breakers = [
        BreakerStatus(key="acme#a", state="closed", successes=6, failures=0),
        BreakerStatus(key="acme#b", state="open", successes=0, failures=2),
    ]

    health = metrics_of(Sums(), {"acme": breakers}).provider_health["acme"]

    assert (health.state, health.error_rate) == ("open", 0.25)


def test_with_an_empty_window_the_error_rate_is_that_of_all_calls() -> None:
    counts = MemoryMetrics()
    counts.count("cache_misses", 6, {**ACME, "outcome": "found"})
    counts.count("cache_misses", 1, {**ACME, "outcome": "unavailable"})
    counts.count("cache_misses", 1, {**ACME, "outcome": "malformed"})
    counts.count("cache_misses", 50, {**ACME, "outcome": "skipped"})

    health = metrics_of(counts.read(), {}).provider_health["acme"]

    assert health.error_rate == 0.25


def test_a_timing_can_be_read_by_label_or_whole() -> None:
    metrics = recorded(1.0)
    metrics.observe("provider_call", 2.0, {"provider": "other"})

    sums = metrics.read()

    assert sums.timing("provider_call").count == 2
    assert sums.timing("provider_call", provider="other").total_us == 2_000_000
