"""How a provider does, out of what all processes count."""

from enrich.domain.vitals import Vitals, vitals_of
from enrich.state.metrics_memory import MemoryMetrics

ASKED = {"provider": "acme", "tier": "free", "tenant": "t"}


def counted(*outcomes: str) -> MemoryMetrics:
    """Count one row for each outcome, and a call of half a second."""
    metrics = MemoryMetrics()
    for outcome in outcomes:
        metrics.count("cache_misses", 1, {**ASKED, "outcome": outcome})
        metrics.observe("provider_call", 0.5, {"provider": "acme"})
    return metrics


def test_what_was_not_really_asked_counts_for_nothing() -> None:
    metrics = counted("found", "not_found", "unavailable", "malformed", "skipped", "rate_limited")
    metrics.count("cache_hits", 3, {**ASKED, "outcome": "found"})

    vitals = vitals_of(metrics.read())["acme"]

    assert (vitals.asked, vitals.cached) == (4, 3)
    assert (vitals.error_rate, vitals.hit_rate) == (0.5, 0.5)


def test_nothing_asked_has_no_rates() -> None:
    assert (Vitals().error_rate, Vitals().hit_rate, Vitals().asked) == (None, None, 0)


def test_lately_is_what_came_after() -> None:
    metrics = counted("found", "unavailable")
    before = vitals_of(metrics.read())["acme"]
    metrics.count("cache_misses", 1, {**ASKED, "outcome": "found"})
    metrics.observe("provider_call", 0.001, {"provider": "acme"})

    lately = vitals_of(metrics.read())["acme"].since(before)

    assert (lately.asked, lately.error_rate, lately.calls.count) == (1, 0.0, 1)
    assert (lately.calls.quantile_s(0.99) or 1) < 0.01


def test_counts_begun_anew_are_all_late() -> None:
    before = vitals_of(counted("found", "found", "found").read())["acme"]
    now = vitals_of(counted("unavailable").read())["acme"]

    assert now.since(before) == now
