"""Jobs: what somebody submits about one candidate, and how it stands.

queued ─► processing ─► completed
  └───────────┴───────► failed ─► queued, when it is submitted again under its key
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from enrich.domain.keys import digest
from enrich.domain.values import Json, JsonObject

__all__ = [
    "JOBS_PREFIX",
    "Job",
    "JobState",
    "NewJob",
    "Submission",
    "is_for_jobs",
    "job_of_reply",
    "new_job",
]

#: What the `reply_to` of a run begins with that jobs share.
JOBS_PREFIX = "jobs:"
#: That of a run of one job, as older code began them.
_REPLY = "job:"


class JobState(StrEnum):
    """A job's life."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        """Say whether nothing more happens by itself."""
        return self in {JobState.COMPLETED, JobState.FAILED}


class Submission(StrEnum):
    """What became of a submit."""

    BEGUN = "begun"  # a job of its own, or one that had failed and is tried again
    KNOWN = "known"  # an equal one is there
    OTHER_BODY = "other_body"  # its key stands for another body
    IN_FLIGHT = "in_flight"  # its key, or an equal profile, is being stored at this moment


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A profile as it was sent; `key` is empty without an idempotency key."""

    tenant: str
    candidate: str
    payload: JsonObject
    is_forced: bool
    key: str
    payload_hash: str
    body_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is stored.

    `payload` is there until the candidate's row holds it; `run` from then on.
    """

    id: str
    tenant: str
    candidate: str
    state: JobState
    attempts: int
    is_forced: bool
    created_at: datetime
    updated_at: datetime
    payload: "JsonObject | None" = None
    run: int | None = None
    error: str = ""
    result: "JsonObject | None" = None


def is_for_jobs(reply_to: str) -> bool:
    """Say whether a run is one of jobs."""
    return reply_to.startswith((JOBS_PREFIX, _REPLY))


def job_of_reply(reply_to: str) -> str | None:
    """Give the job that a run was begun for alone; None when it is no such run."""
    return reply_to.split(":")[1] if reply_to.startswith(_REPLY) else None


def new_job(
    tenant: str, candidate: str, payload: Mapping[str, Json], *, is_forced: bool, key: str
) -> NewJob:
    """Make a submit, with the hashes by which equal ones are known."""
    encoded = json.dumps(payload, sort_keys=True, ensure_ascii=False)
    payload_hash = digest((encoded,))
    return NewJob(
        tenant=tenant,
        candidate=candidate,
        payload=dict(payload),
        is_forced=is_forced,
        key=key,
        payload_hash=payload_hash,
        body_hash=digest((candidate, payload_hash, str(is_forced))),
    )
