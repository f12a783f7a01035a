"""The guide to metrics lists what there is, and nothing else."""

from pathlib import Path

import pytest

from enrich.domain.cloud_metrics import cloud_points
from enrich.domain.metric_names import CATALOGUE, Metric

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


def line_of(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind.value} | {labels} | {metric.help} |"


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_each_metric_has_its_line(metric: Metric) -> None:
    assert line_of(metric) in GUIDE.splitlines()


def test_no_metric_is_listed_that_there_is_not() -> None:
    listed = [line for line in GUIDE.splitlines() if line.startswith("| `enrich_")]

    assert len(listed) == len(CATALOGUE)


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: str(event["metric"]))
def test_each_name_of_the_cloud_stands_beside_its_event(event: dict[str, object]) -> None:
    (line,) = [one for one in GUIDE.splitlines() if one.startswith(f"| `{event['metric']}`")]

    assert all(f"`{point.name}`" in line for point in cloud_points([event]))
