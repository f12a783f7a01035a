"""Numbers: for people and programs as JSON, for Prometheus as text."""

from dataclasses import asdict

from fastapi import APIRouter

from enrich.api.asked import Answer, Own, Reading
from enrich.state.metrics import read_metrics

__all__ = ["router"]

router = APIRouter(tags=["metrics"])


@router.get("/v1/metrics")
def numbers(_: Reading, own: Own) -> Answer:
    """Give the counters of all workers together, and the health of each provider."""
    metrics = read_metrics(own.metrics, own.parts.breakers)
    return {**asdict(metrics), "cache_hit_rate": metrics.cache_hit_rate}
