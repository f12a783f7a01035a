"""Take a candidate's profile, enrich and embed it, and say how it went.

A job is stored before anything else happens. Whoever dies on the way leaves it to the sweep, which
begins what has not begun and ends what has: each attempt has one run, and ends once.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from enrich.domain.job import Job, JobState, NewJob, Submission
from enrich.domain.outcome import OutcomeKind
from enrich.domain.profile import CANDIDATES, columns_of_profile, row_of_profile
from enrich.domain.run import BatchRef, Force, Phase, Response, RunOptions, RunState, Step
from enrich.domain.table import Column, Row
from enrich.domain.values import Json, JsonObject, credits_of, only_known
from enrich.engine.desk import Desk
from enrich.engine.embedding import embed_row
from enrich.engine.evidence import provenance_json
from enrich.engine.submit import RunRequest, ordered, resume, submit_known
from enrich.errors import UnknownNameError, UsageError
from enrich.ports import NewRow, RunSummary, Selection
from enrich.ports.jobs import Beginning

__all__ = ["Taken", "end_job", "job_json", "sweep_jobs", "take_profile"]

log = logging.getLogger("enrich.engine")

#: A job that nobody has touched for so long has been left by whoever had it.
_LEFT_S = 10.0
#: Names how a row becomes text and how its fields are asked for; another one is another result.
PROMPT_VERSION = "profile-1"
_FINE = frozenset({OutcomeKind.FOUND, OutcomeKind.NOT_FOUND, OutcomeKind.SKIPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a submit; `job` is None when nothing was stored."""

    submission: Submission
    job: Job | None
    steps: tuple[Step, ...] = ()


def take_profile(desk: Desk, new: NewJob) -> Taken:
    """Store a job for a profile and begin it; an equal one that is there is given instead.

    Raises:
        BadInputError: the profile cannot be stored. Nothing was.
    """
    beginning = _beginning(desk, new)
    submission, job, run = desk.jobs.take(new, beginning, window_s=desk.policy.dedupe_s)
    if job is None or submission in {Submission.IN_FLIGHT, Submission.OTHER_BODY}:
        return Taken(submission=submission, job=None)
    if submission is Submission.KNOWN:
        return Taken(submission=submission, job=job)
    if run is None:
        # Its columns are not made yet, or are no more.
        desk.columns.forget(new.tenant)
        steps = _begin(desk, job)
        return Taken(submission=submission, job=desk.jobs.find(job.id), steps=steps)
    desk.parts.recorder.count("runs_submitted", labels={"tenant": run.tenant})
    first = BatchRef(run_id=run.id, number=1, attempt=1, phase=Phase.PROBE)
    return Taken(submission=submission, job=job, steps=resume(desk.parts, run, [first]))


def end_job(desk: Desk, job_id: str) -> bool:
    """Embed what a run has found about a job's candidate, and end the job.

    A job whose run is under way is left alone. Says whether somebody is to be told.
    """
    try:
        job = desk.jobs.find(job_id)
    except UnknownNameError:
        return False
    if job.state is not JobState.PROCESSING or job.run is None:
        return False
    try:
        summary = desk.parts.runs.summary(job.tenant, job.run)
        if summary.state is RunState.RUNNING:
            return False
        (row,) = desk.parts.rows.read(job.tenant, CANDIDATES, [job.candidate])
    except UnknownNameError:
        return _fail(desk, job, "what is known of the candidate was erased")
    if problem := _problem(summary):
        return _fail(desk, job, problem)
    result = _result(desk, job, summary, row)
    return bool(desk.jobs.end(job, JobState.COMPLETED, result=result, error=""))


def sweep_jobs(desk: Desk) -> tuple[Step, ...]:
    """Begin and end the jobs that were left, and forget old ones; gives the steps to send."""
    steps: list[Step] = []
    for job in desk.jobs.overdue(older_than_s=_LEFT_S):
        if job.state is JobState.QUEUED:
            steps += _begin(desk, job)
        else:
            end_job(desk, job.id)
    desk.jobs.forget(older_than_s=desk.policy.keep_s)
    return tuple(steps)


def job_json(job: Job) -> JsonObject:
    """Write a job down as its callers read it."""
    told: JsonObject = {
        "jobId": job.id,
        "tenantId": job.tenant,
        "candidateId": job.candidate,
        "status": job.state.value,
        "createdAt": job.created_at.isoformat(),
        "updatedAt": job.updated_at.isoformat(),
        "attemptCount": job.attempts,
    }
    if job.error:
        told["error"] = job.error
    if job.result is not None:
        told["result"] = job.result
    return told


def _beginning(desk: Desk, new: NewJob) -> Beginning:
    """Say how a new job would begin by the columns that there are. Raises `BadInputError`."""
    policy, now_s = desk.parts.policies.runs, desk.parts.clock.monotonic_s()
    columns = desk.columns.get(new.tenant, now_s)
    if columns is None:
        columns = _stored_columns(desk, new.tenant)
        desk.columns.put(new.tenant, columns, now_s)
    return Beginning(
        table=CANDIDATES,
        data=only_known(row_of_profile(new.payload)),
        wanted=tuple(column.key for column in columns if column.enriched),
        options=ordered(_options(is_forced=new.is_forced), policy),
        lease_s=policy.lease_s,
    )


def _options(*, is_forced: bool) -> RunOptions:
    return RunOptions(force=Force.RESPONSES if is_forced else Force.NONE, urgent=True)


def _begin(desk: Desk, job: Job) -> tuple[Step, ...]:
    """Write the candidate's row and store the run; what cannot be ends the job."""
    try:
        columns = _columns(desk, job)
        if job.payload is not None:
            row = NewRow(key=job.candidate, data=row_of_profile(job.payload))
            if not desk.jobs.bring_in(job, CANDIDATES, row):
                return ()  # it was erased, or somebody else has begun it
        request = RunRequest(
            tenant=job.tenant,
            table=CANDIDATES,
            selection=Selection(keys=(job.candidate,)),
            options=_options(is_forced=job.is_forced),
            reply_to=job.reply_to,
        )
        wanted = tuple(column.key for column in columns if column.enriched)
        begun = submit_known(desk.parts, request, wanted)
    except UsageError as exc:
        _fail(desk, job, str(exc))
        return ()
    desk.jobs.start(job, begun.run.id)
    return begun.steps


def _columns(desk: Desk, job: Job) -> Sequence[Column]:
    """Give the table's columns, with those made that the profile needs."""
    now_s = desk.parts.clock.monotonic_s()
    known = desk.columns.get(job.tenant, now_s)
    row = row_of_profile(job.payload or {})
    if known is not None and not columns_of_profile(row, known):
        return known
    known = _stored_columns(desk, job.tenant)
    new = columns_of_profile(row, known)
    if new:
        desk.parts.rows.save_columns(job.tenant, CANDIDATES, new)
        known = (*known, *new)
    desk.columns.put(job.tenant, known, now_s)
    return known


def _stored_columns(desk: Desk, tenant: str) -> tuple[Column, ...]:
    try:
        return desk.parts.rows.table(tenant, CANDIDATES).columns
    except UnknownNameError:
        return ()


def _problem(summary: RunSummary) -> str:
    if summary.state is RunState.CANCELLED:
        return "its run was cancelled"
    return "; ".join(summary.parked_reasons)


def _fail(desk: Desk, job: Job, error: str) -> bool:
    log.warning("job.failed", extra={"job": job.id, "tenant": job.tenant})
    return bool(desk.jobs.end(job, JobState.FAILED, result=None, error=error))


def _result(desk: Desk, job: Job, summary: RunSummary, row: Row) -> JsonObject:
    clock = desk.parts.clock
    began_s = clock.monotonic_s()
    embedded = embed_row(desk, row.id)
    embedding_ms = round((clock.monotonic_s() - began_s) * 1000, 3)
    ended_at = summary.finished_at or clock.now()
    queue_ms = max(0.0, (summary.started_at - job.created_at).total_seconds() * 1000)
    enrichment_ms = (ended_at - summary.started_at).total_seconds() * 1000
    said = [
        response
        for run, response in desk.parts.runs.evidence(job.tenant, CANDIDATES, job.candidate)
        if run == summary.id
    ]
    result: JsonObject = {
        "processingTimeSeconds": round((enrichment_ms + embedding_ms) / 1000, 6),
        "phaseDurationsMs": {
            "queue": round(queue_ms, 3),
            "enrichment": round(enrichment_ms, 3),
            "embedding": embedding_ms,
        },
        "queueDurationMs": round(queue_ms, 3),
        "attempts": job.attempts,
        "errorsByCategory": _errors(said),
        "fields": {key: _field(row, key) for key in summary.wanted},
        "cost": credits_of(summary.counts.cost_microcredits),
        "runId": summary.id,
        "embeddingUpserted": embedded.upserted,
        "modelVersion": desk.embedders.wanted,
        "promptVersion": PROMPT_VERSION,
        "candidateSnapshot": only_known(row.data),
    }
    if embedded.reason:
        result["embeddingSkippedReason"] = embedded.reason
    return result


def _errors(said: Sequence[Response]) -> JsonObject:
    kinds = Counter(each.outcome.kind.value for each in said if each.outcome.kind not in _FINE)
    return dict(sorted(kinds.items()))


def _field(row: Row, key: str) -> Json:
    provenance = row.cells.get(key)
    return {
        "value": row.data.get(key),
        "typed": row.is_typed(key),
        "provenance": provenance_json(provenance),
    }
