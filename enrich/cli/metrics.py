"""`enrich metrics`."""

from dataclasses import asdict

import click

from enrich.cli.output import as_json_option, print_facts, print_json, print_table
from enrich.cli.services import opened
from enrich.domain.metrics import EnrichmentMetrics
from enrich.state.metrics import read_metrics

__all__ = ["metrics_command"]


@click.command("metrics")
@as_json_option
def metrics_command(*, as_json: bool) -> None:
    """Print the counters of all workers together, and the health of each provider."""
    with opened() as services:
        metrics = read_metrics(services.metrics, services.parts.breakers)
    if as_json:
        print_json({**asdict(metrics), "cache_hit_rate": metrics.cache_hit_rate})
        return
    print_facts(_facts(metrics))
    click.echo()
    print_table(
        ("provider", "breaker", "errors", "p50", "p95", "p99"),
        [
            (name, health.state, _share(health.error_rate), _ms(health.latency_p50),
             _ms(health.latency_p95), _ms(health.latency_p99))
            for name, health in sorted(metrics.provider_health.items())
        ],
    )  # fmt: skip


def _facts(metrics: EnrichmentMetrics) -> list[tuple[str, object]]:
    flight = metrics.singleflight_stats
    return [
        ("look-ups", metrics.total_requests),
        ("cache hits", f"{metrics.cache_hits} ({_share(metrics.cache_hit_rate) or 'none yet'})"),
        ("of them negative", metrics.negative_cache_hits),
        ("cache misses", metrics.cache_misses),
        ("coalesced", f"{flight.coalesced_requests}, {flight.avg_waiters_per_request:.2f} a call"),
    ]


def _share(part: float | None) -> str:
    return "" if part is None else f"{part:.1%}"


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
