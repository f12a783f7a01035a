"""Bodies of answers that callers depend on, for the OpenAPI; the fields are the contract's."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["JobAnswer", "JobView", "SearchAnswer"]

_JOB: dict[str, Any] = {
    "jobId": "1f0c2a4e-6a1b-4a55-9b0e-0d6f3f1f7c11",
    "tenantId": "default",
    "candidateId": "cand-1",
    "status": "completed",
    "createdAt": "2026-03-01T12:00:00+00:00",
    "updatedAt": "2026-03-01T12:00:01+00:00",
    "attemptCount": 1,
    "result": {
        "processingTimeSeconds": 0.41,
        "phaseDurationsMs": {"queue": 12.0, "enrichment": 400.0, "embedding": 3.1},
        "queueDurationMs": 12.0,
        "attempts": 1,
        "embeddingUpserted": True,
        "modelVersion": "hashing-256",
        "promptVersion": "profile-1",
        "candidateSnapshot": {"full_name": "Ada Lovelace", "first_name": "Ada"},
    },
}


class JobView(BaseModel):
    """A job. `result` is there when it has completed, `error` when it has failed."""

    model_config = ConfigDict(json_schema_extra={"examples": [_JOB]})
    jobId: str  # noqa: N815 - the names that callers read
    tenantId: str  # noqa: N815
    candidateId: str  # noqa: N815
    status: Literal["queued", "processing", "completed", "failed"]
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
    attemptCount: int  # noqa: N815
    error: str | None = None
    result: dict[str, Any] | None = None


class JobAnswer(BaseModel):
    """A job under the name that callers read it by; `notice` says why it was not waited for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"job": _JOB}]})
    job: JobView
    notice: str | None = None


class HitView(BaseModel):
    """A row that was found; `score` is 1 for the same direction, 0 for none in common."""

    row: str
    score: float
    data: dict[str, Any]


class SearchAnswer(BaseModel):
    """The nearest rows first; `model` is what compared them, empty when nothing is embedded yet."""

    model: str
    items: list[HitView]
