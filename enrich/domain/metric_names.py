"""Every metric that operators see: its name, labels and help, and what the code counts it as.

The names are an interface: dashboards, alert rules and the runbook use them. What the code counts
under a shorter name is listed with it, so that the one place where both meet is here.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CATALOGUE", "Kind", "Metric", "metric_named"]


class Kind(StrEnum):
    """How Prometheus treats it."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. `counted` is its name in the code; empty: nobody counts it, it is read.

    `labels` are all that it may have: what is counted with others is added up without them, so no
    label with many values can slip in.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    counted: str = ""

    @property
    def is_counted(self) -> bool:
        """Whether processes count it; else it is read where it lies, at each look."""
        return bool(self.counted)

    @property
    def source(self) -> str:
        """What the code counts it as."""
        return self.counted or self.name


def _counted(counted: str, help_: str, *labels: str) -> Metric:
    name = counted if counted.startswith("enrich_") else f"enrich_{counted}_total"
    return Metric(name, Kind.COUNTER, help_, labels, counted)


def _read(name: str, help_: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, help_, labels)


def _gauge(name: str, help_: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, help_, labels)


_ASKED = ("provider", "tier", "tenant", "outcome")

#: Counted by all processes, added up in Redis.
_COUNTED = (
    _counted(
        "cache_hits", "Rows that a provider was to be asked about and the cache knew", *_ASKED
    ),
    _counted("cache_misses", "Rows that a provider was asked about, by what came of it", *_ASKED),
    _counted("coalesced", "Rows whose answer came from another's call", *_ASKED),
    _counted("cell_hits", "Cells answered as they stood; negative: nobody knew", "negative"),
    Metric(
        "enrich_provider_call_seconds",
        Kind.HISTOGRAM,
        "How long calls to a provider took",
        ("provider",),
        "provider_call",
    ),
    _counted("cells_written", "Cells that a run has written"),
    _counted("cells_superseded", "Cells not written, because a newer decision stands there"),
    _counted("runs_submitted", "Runs that were begun", "tenant"),
    _counted("steps_stale", "Steps that came too late to change anything", "step"),
    _counted("batches_swept", "Batches that the sweep sent again"),
    _counted("batches_woken", "Batches whose answers were sent before they waited"),
    _counted("batches_parked", "Batches given up after their last attempt"),
    _counted("calls_late", "Calls whose booked moment had passed", "provider"),
    _counted("calls_stopped", "Calls not waited for beyond their deadline", "provider"),
    _counted("hedges", "Calls made a second time because they were slow", "provider", "won"),
    _counted("leases_outlived", "Leases that ran out before their call had ended"),
    _counted("cache_refreshes", "Answers fetched anew before they ran out"),
    _counted("rows_embedded", "Rows whose text was embedded"),
    _counted("embeddings_skipped", "Times that nothing could be embedded"),
    _counted("trust_learned", "Times that trust was learned anew", "tenant"),
    _counted("paid_calls_in_doubt", "Paid calls that nobody knows to be made", "provider"),
    _counted("paid_calls_unwritten", "Ends of paid calls that could not be written at once"),
    _counted("paid_calls_superseded", "Ends of paid calls that another had taken over"),
    _counted("callbacks", "Answers sent to us, by what became of them", "provider", "outcome"),
    _counted("schedules_due", "Moments of schedules, by what was done", "tenant", "outcome"),
    _counted("enrich_cache_requests_total", "Look-ups of the shared cache", "kind", "outcome"),
    _counted("enrich_cache_events_total", "What else happened to the cache", "kind", "outcome"),
    _counted("enrich_breaker_transitions_total", "Moves of breakers", "provider", "to"),
    _counted("enrich_breaker_rejected_total", "Calls that an open breaker refused", "provider"),
    _counted("enrich_governor_refused_total", "Calls put off for a rate", "provider"),
    _counted("enrich_redis_faults_total", "Calls to Redis that did not end well", "reason"),
    _counted("enrich_redis_skipped_total", "Calls to Redis not tried, because it was away"),
    _counted("enrich_fallbacks_total", "Times that memory stood in for Redis", "part", "reason"),
)

#: Read where they lie, at each look.
_READ = (
    _read("enrich_cells_ended_total", "Cells by how they ended", "tenant", "outcome"),
    _read(
        "enrich_answers_total",
        "Answers about rows that came from no cache, of batches that are done",
        "tenant",
        "provider",
        "outcome",
    ),
    _read("enrich_cost_credits_total", "Credits that runs have cost", "tenant"),
    _read("enrich_provider_calls_total", "Requests that left for providers", "tenant"),
    _gauge("enrich_spent_today_credits", "Credits of paid calls since midnight, UTC", "tenant"),
    _gauge("enrich_open_batches", "Batches that are not at their end", "phase"),
    _gauge("enrich_oldest_batch_seconds", "Age of the oldest run that has open batches"),
    _gauge("enrich_queue_messages", "Messages that wait in a queue", "queue"),
    _gauge("enrich_parked_messages", "Messages put aside because no task can be made of them"),
    _gauge("enrich_workers", "Workers that answered within a second"),
    _gauge("enrich_breaker_state", "0 closed, 0.5 half-open, 1 open, of its worst key", "provider"),
    _gauge("enrich_up", "1 where a server answers, else 0", "server"),
)

CATALOGUE = _COUNTED + _READ

_BY_NAME = {metric.name: metric for metric in CATALOGUE}


def metric_named(name: str) -> Metric:
    """Give a metric of the catalogue. Raises `KeyError`: nobody may invent one elsewhere."""
    return _BY_NAME[name]
