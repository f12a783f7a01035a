"""End jobs whose candidates nobody works on any more: embed them, and say what was found."""

import logging
from collections.abc import Collection, Mapping

from enrich.domain.job import JobState
from enrich.domain.outcome import OutcomeKind
from enrich.domain.run import RunState
from enrich.domain.table import Row
from enrich.domain.values import Json, JsonObject, credits_of, only_known
from enrich.engine.desk import Desk
from enrich.engine.embedding import Embedded, embed_rows
from enrich.engine.evidence import provenance_json
from enrich.ports.jobs import Ending, JobEnd, JobRun

__all__ = ["end_jobs"]

log = logging.getLogger("enrich.engine")

#: Names how a row becomes text and how its fields are asked for; another one is another result.
PROMPT_VERSION = "profile-1"
_ERASED = "what is known of the candidate was erased"
_FINE = frozenset({OutcomeKind.FOUND, OutcomeKind.NOT_FOUND, OutcomeKind.SKIPPED})


def end_jobs(desk: Desk, ids: Collection[str]) -> bool:
    """Embed what was found about the candidates of these jobs, and end the jobs.

    A job whose row is still worked on is left alone. Says whether somebody is to be told.
    """
    endings = desk.jobs.ending(ids)
    if not endings:
        return False
    began_s = desk.parts.clock.monotonic_s()
    embedded = embed_rows(desk, [e.row.id for e in endings if e.row and not _problem(e.run)])
    embedding_ms = round((desk.parts.clock.monotonic_s() - began_s) * 1000, 3)
    ends = [_ended(desk, ending, embedded, embedding_ms) for ending in endings]
    return bool(desk.jobs.end(ends))


def _ended(desk: Desk, ending: Ending, embedded: Embedded, embedding_ms: float) -> JobEnd:
    job, run, row = ending.job, ending.run, ending.row
    error = _problem(run)
    if run is None or row is None or error:
        log.warning("job.failed", extra={"job": job.id, "tenant": job.tenant})
        return JobEnd(job=job, state=JobState.FAILED, error=error or _ERASED)
    result = _times(desk, ending, run, embedding_ms) | {
        "attempts": job.attempts,
        "errorsByCategory": _errors(ending.kinds),
        "fields": {key: _field(row, key) for key in run.wanted},
        "cost": credits_of(ending.cost_microcredits),
        "runId": run.id,
        "embeddingUpserted": embedded.upserted,
        "modelVersion": desk.embedders.wanted,
        "promptVersion": PROMPT_VERSION,
        "candidateSnapshot": only_known(row.data),
    }
    if embedded.reason:
        result["embeddingSkippedReason"] = embedded.reason
    return JobEnd(job=job, state=JobState.COMPLETED, result=result)


def _problem(run: JobRun | None) -> str:
    if run is None:
        return _ERASED
    if run.state is RunState.CANCELLED:
        return "its run was cancelled"
    return "; ".join(run.parked)


def _times(desk: Desk, ending: Ending, run: JobRun, embedding_ms: float) -> JsonObject:
    """Say how long it took; those that are ended together are embedded together."""
    ended_at = run.finished_at or desk.parts.clock.now()
    queue_ms = max(0.0, (run.started_at - ending.job.created_at).total_seconds() * 1000)
    enrichment_ms = max(0.0, (ended_at - run.started_at).total_seconds() * 1000)
    return {
        "processingTimeSeconds": round((enrichment_ms + embedding_ms) / 1000, 6),
        "phaseDurationsMs": {
            "queue": round(queue_ms, 3),
            "enrichment": round(enrichment_ms, 3),
            "embedding": embedding_ms,
        },
        "queueDurationMs": round(queue_ms, 3),
    }


def _errors(kinds: Mapping[str, int]) -> JsonObject:
    return {kind: number for kind, number in sorted(kinds.items()) if kind not in _FINE}


def _field(row: Row, key: str) -> Json:
    return {
        "value": row.data.get(key),
        "typed": row.is_typed(key),
        "provenance": provenance_json(row.cells.get(key)),
    }
