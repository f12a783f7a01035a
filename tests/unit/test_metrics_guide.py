"""The guide to metrics names what an exporter makes of each line of the log."""

from pathlib import Path

import pytest

from enrich.domain.cloud_metrics import cloud_points

GUIDE = (Path(__file__).parents[2] / "docs/guides/metrics.md").read_text()
EVERY_EVENT = [
    {"metric": "run.ended", "tenant": "t", "completed": 1, "cancelled": 0,
     "p50_ms": 1, "p95_ms": 1, "p99_ms": 1},
    {"metric": "queue.depth", "queue": "q", "messages": 1},
    {"metric": "tenant.usage", "tenant": "t", "runs": 1},
    {"metric": "embedding.success", "embedded": 1, "skipped": 1, "ratio": 0.5},
    {"metric": "breaker.state", "provider": "embeddings", "value": 0.0},
    {"metric": "breaker.state", "provider": "a", "value": 0.0},
    {"metric": "provider.latency", "provider": "a", "p50_ms": 1, "p95_ms": 1, "p99_ms": 1},
    {"metric": "provider.failures", "provider": "a", "category": "gone", "rows": 1},
    {"metric": "throughput", "cells_per_s": 1},
]  # fmt: skip


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: str(event["metric"]))
def test_each_name_of_the_cloud_stands_beside_its_event(event: dict[str, object]) -> None:
    (line,) = [one for one in GUIDE.splitlines() if one.startswith(f"| `{event['metric']}`")]

    assert all(f"`{point.name}`" in line for point in cloud_points([event]))
