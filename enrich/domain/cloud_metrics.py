"""The numbers of the log for Google Cloud Monitoring, under the names that are known there.

The names are those of the service before this one, so its dashboards go on: `job_latency_ms`,
`job_completed_count`, `job_failed_count`, `queue_depth`, `tenant_job_count`, `embed_success_ratio`,
`embed_skipped_count`, `embed_circuit_state`. What it did not have has names of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["CloudPoint", "cloud_points"]

Event: TypeAlias = Mapping[str, Any]

#: The provider that embeds; its breaker has a name of its own there.
_EMBEDDERS = "embeddings"
_PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudPoint:
    """One value of one metric; a count is of the last while, a gauge of now."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    is_count: bool = False


def cloud_points(events: Iterable[Event]) -> Iterator[CloudPoint]:
    """Give the points of the events of one look; those without a name there are left out."""
    for event in events:
        made = _MAPPED.get(str(event["metric"]))
        if made is not None:
            yield from made(event)


def _of_runs(event: Event) -> Iterator[CloudPoint]:
    tenant = {"tenant": str(event["tenant"])}
    for share in _PERCENTILES:
        yield _gauge("job_latency_ms", event[f"{share}_ms"], **tenant, percentile=share)
    yield _count("job_completed_count", event["completed"], **tenant)
    yield _count("job_failed_count", event["cancelled"], **tenant)


def _of_queue(event: Event) -> Iterator[CloudPoint]:
    yield _gauge("queue_depth", event["messages"], queue=str(event["queue"]))


def _of_tenant(event: Event) -> Iterator[CloudPoint]:
    yield _count("tenant_job_count", event["runs"], tenant=str(event["tenant"]))


def _of_embedding(event: Event) -> Iterator[CloudPoint]:
    yield _gauge("embed_success_ratio", event["ratio"])
    yield _count("embed_skipped_count", event["skipped"])


def _of_breaker(event: Event) -> Iterator[CloudPoint]:
    provider = str(event["provider"])
    is_embedder = provider.startswith(_EMBEDDERS)
    name = "embed_circuit_state" if is_embedder else "provider_circuit_state"
    yield _gauge(name, event["value"], provider=provider)


def _of_latency(event: Event) -> Iterator[CloudPoint]:
    provider = str(event["provider"])
    for share in _PERCENTILES:
        yield _gauge(
            "provider_latency_ms", event[f"{share}_ms"], provider=provider, percentile=share
        )


def _of_failures(event: Event) -> Iterator[CloudPoint]:
    labels = {"provider": str(event["provider"]), "category": str(event["category"])}
    yield _count("provider_failed_count", event["rows"], **labels)


def _of_throughput(event: Event) -> Iterator[CloudPoint]:
    yield _gauge("cells_per_second", event["cells_per_s"])


def _gauge(name: str, value: float, **labels: str) -> CloudPoint:
    return CloudPoint(name=name, value=float(value), labels=labels)


def _count(name: str, value: float, **labels: str) -> CloudPoint:
    return CloudPoint(name=name, value=float(value), labels=labels, is_count=True)


_MAPPED: Mapping[str, Callable[[Event], Iterator[CloudPoint]]] = {
    "run.ended": _of_runs,
    "queue.depth": _of_queue,
    "tenant.usage": _of_tenant,
    "embedding.success": _of_embedding,
    "breaker.state": _of_breaker,
    "provider.latency": _of_latency,
    "provider.failures": _of_failures,
    "throughput": _of_throughput,
}
