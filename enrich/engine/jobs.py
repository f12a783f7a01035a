"""Take a candidate's profile, and say how its job stands.

A job is stored before anything else happens. Whoever dies on the way leaves it to the sweep, which
names what has not begun and what has not been ended: each attempt has one run, and ends once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from enrich.domain.job import Job, NewJob, Submission
from enrich.domain.profile import row_of_profile
from enrich.domain.values import JsonObject
from enrich.engine.desk import Desk

__all__ = ["Taken", "job_json", "left_jobs", "take_profiles"]

#: A job that nobody has touched for so long has been left by whoever had it.
_LEFT_S = 10.0
_WITHOUT = frozenset({Submission.IN_FLIGHT, Submission.OTHER_BODY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a submit; `job` is None when nothing was stored."""

    submission: Submission
    job: Job | None


def take_profiles(desk: Desk, new: Sequence[NewJob]) -> Sequence[Taken]:
    """Store a job for each profile; an equal one that is there is given instead.

    One that has `BEGUN` is to be taken on by a worker.

    Raises:
        BadInputError: one of the profiles cannot be stored.
    """
    for one in new:
        row_of_profile(one.payload)
    return [
        Taken(submission=submission, job=None if submission in _WITHOUT else job)
        for submission, job in desk.jobs.take(new, window_s=desk.policy.dedupe_s)
    ]


def left_jobs(desk: Desk) -> tuple[str, ...]:
    """Name the jobs that were left before their beginning or their end; forget old ones."""
    left = desk.jobs.overdue(older_than_s=_LEFT_S)
    desk.jobs.forget(older_than_s=desk.policy.keep_s)
    return tuple(left)


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
