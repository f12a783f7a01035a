"""Begin jobs: those that arrive together share a run."""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta

from enrich.domain.job import Job, JobState
from enrich.domain.profile import CANDIDATES, columns_of_profile, row_of_profile
from enrich.domain.run import Force, OpenBatch, RunOptions
from enrich.domain.table import Column
from enrich.domain.values import JsonObject
from enrich.engine.desk import Desk
from enrich.engine.submit import ordered
from enrich.engine.together import Unit
from enrich.errors import DependencyError, UnknownNameError, UsageError
from enrich.ports.jobs import Beginning, JobEnd

__all__ = ["begin_jobs", "shares_of"]

log = logging.getLogger("enrich.engine")

#: A job older than this is given up when its beginning raises what nobody foresaw.
_TRIED_FOR = timedelta(minutes=15)


def shares_of(jobs: Iterable[Job]) -> tuple[tuple[Job, ...], ...]:
    """Part jobs into those that may share a run: one tenant, one kind, each candidate once."""
    shares: dict[tuple[str, bool, int], list[Job]] = {}
    seen: dict[tuple[str, str], int] = {}
    for job in sorted(jobs, key=lambda job: (job.created_at, job.id)):
        place = seen[job.tenant, job.candidate] = seen.get((job.tenant, job.candidate), -1) + 1
        shares.setdefault((job.tenant, job.is_forced, place), []).append(job)
    # The later of two profiles of one candidate goes over the earlier.
    return tuple(tuple(share) for (_, _, _), share in sorted(shares.items(), key=_by_place))


def _by_place(share: tuple[tuple[str, bool, int], object]) -> int:
    return share[0][2]


def begin_jobs(desk: Desk, jobs: Sequence[Job]) -> tuple[Unit, ...]:
    """Write the candidates' rows and store the run of jobs that may share it.

    What cannot be begun ends its own job, and no other; so does what has broken for long.

    Raises:
        DatabaseDownError: nothing was stored, or all was and the sweep takes it up.
        Exception: what nobody foresaw; the caller begins each job apart.
    """
    began_s = desk.parts.clock.monotonic_s()
    try:
        batch = _begun(desk, jobs)
    except UsageError as exc:
        if len(jobs) > 1:
            return tuple(unit for job in jobs for unit in begin_jobs(desk, (job,)))
        return _failed(desk, jobs[0], str(exc))
    except DependencyError:
        raise
    except Exception as exc:
        if len(jobs) > 1 or desk.parts.clock.now() - jobs[0].created_at < _TRIED_FOR:
            raise
        # Else each sweep would begin it again, for ever.
        log.exception("job.given_up", extra={"job": jobs[0].id, "tenant": jobs[0].tenant})
        return _failed(desk, jobs[0], f"it could not be begun: {type(exc).__name__}")
    if batch is None:
        return ()
    desk.parts.recorder.count("runs_submitted", labels={"tenant": batch.run.tenant})
    return (Unit(batch=batch, callers=(), began_s=began_s),)


def _failed(desk: Desk, job: Job, error: str) -> tuple[Unit, ...]:
    log.warning("job.failed", extra={"job": job.id, "tenant": job.tenant})
    desk.jobs.end([JobEnd(job=job, state=JobState.FAILED, error=error)])
    return ()


def _begun(desk: Desk, jobs: Sequence[Job]) -> OpenBatch | None:
    first, lease_s = jobs[0], desk.parts.policies.runs.lease_s
    rows = {job.id: row_of_profile(job.payload or {}) for job in jobs}
    beginning = _beginning(desk, first, [(job, rows[job.id]) for job in jobs])
    try:
        return desk.jobs.begin(beginning, lease_s=lease_s)
    except UnknownNameError:
        # The columns that are remembered are no more.
        desk.columns.forget(first.tenant)
        again = _beginning(desk, first, beginning.jobs)
        return desk.jobs.begin(again, lease_s=lease_s)


def _beginning(desk: Desk, first: Job, jobs: Sequence[tuple[Job, JsonObject]]) -> Beginning:
    columns = _columns(desk, first.tenant, [row for _, row in jobs])
    options = RunOptions(force=Force.RESPONSES if first.is_forced else Force.NONE, urgent=True)
    return Beginning(
        tenant=first.tenant,
        table=CANDIDATES,
        wanted=tuple(column.key for column in columns if column.enriched),
        options=ordered(options, desk.parts.policies.runs),
        jobs=jobs,
    )


def _columns(desk: Desk, tenant: str, rows: Sequence[JsonObject]) -> Sequence[Column]:
    """Give the table's columns, with those made that the profiles need."""
    now_s = desk.parts.clock.monotonic_s()
    every = dict.fromkeys(key for row in rows for key in row)
    known = desk.columns.get(tenant, now_s)
    if known is not None and not columns_of_profile(every, known):
        return known
    known = _stored_columns(desk, tenant)
    new = columns_of_profile(every, known)
    if new:
        desk.parts.rows.save_columns(tenant, CANDIDATES, new)
        known = (*known, *new)
    desk.columns.put(tenant, known, now_s)
    return known


def _stored_columns(desk: Desk, tenant: str) -> tuple[Column, ...]:
    try:
        return desk.parts.rows.table(tenant, CANDIDATES).columns
    except UnknownNameError:
        return ()
