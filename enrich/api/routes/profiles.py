"""Profiles: submit one, ask how it stands, and find candidates by meaning."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from enrich.api.answers import JobAnswer, SearchAnswer
from enrich.api.asked import Answer, Enriching, Own, Queue, Reading
from enrich.api.models import ProfileWish, SearchWish
from enrich.api.problems import Fault, ProblemError
from enrich.api.reading import StrictRoute
from enrich.api.waiting import NOTICE, Patience, Waited, ended
from enrich.bootstrap import Services
from enrich.domain.job import Job, Submission, new_job
from enrich.domain.values import only_known
from enrich.engine.embedding import search
from enrich.engine.jobs import Taken, job_json, take_profile
from enrich.errors import BadInputError

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["profiles"], route_class=StrictRoute)

_KEY = re.compile(r"[!-~]{8,128}")
_AGAIN_S = 2
_IDEMPOTENCY_KEY = "idempotency-key"
_Documented = Annotated[
    str | SkipJsonSchema[None],
    Header(
        alias="Idempotency-Key",
        description="One word of 8 to 128 ASCII characters",
        json_schema_extra={"pattern": "^[!-~]*$", "minLength": 8, "maxLength": 128},
    ),
]


@router.post(
    "/enrich/profile",
    response_model=JobAnswer,
    response_model_exclude_none=True,
    status_code=202,
    responses={200: {"model": JobAnswer, "description": "Its end was waited for"}},
)
async def submit_profile(
    wish: ProfileWish,
    who: Enriching,
    own: Own,
    queue: Queue,
    request: Request,
    answer: Response,
    _: _Documented = None,
) -> Answer:
    """Enrich and embed a candidate's profile: 202 with its job, or 200 when waited for its end.

    An equal profile of the last six hours is the same job, unless it failed.
    """
    key = _key_of(request, wish)
    job = await run_in_threadpool(_taken, own, queue, who.tenant, wish, key)
    answer.headers["Location"] = f"/v1/enrich/status/{job.id}"
    waited = Waited.LATE if wish.is_async else await _waited(own, queue, job)
    if waited is Waited.ENDED:
        answer.status_code = 200
        job = await run_in_threadpool(own.desk.jobs.find, job.id)
    notice = NOTICE if waited is Waited.UNTAKEN else None
    return {"job": job_json(job), "notice": notice}


@router.get("/enrich/status/{jobId}", response_model=JobAnswer, response_model_exclude_none=True)
def show_job(
    job_id: Annotated[str, Path(alias="jobId", min_length=1, max_length=100)],
    who: Reading,
    own: Own,
) -> Answer:
    """Tell how a job stands; for a day after it was submitted."""
    return {"job": job_json(own.desk.jobs.find(job_id, tenant=who.tenant))}


@router.post("/search", response_model=SearchAnswer)
def find_rows(wish: SearchWish, who: Reading, own: Own) -> Answer:
    """Find the tenant's rows that are nearest to a sentence, the nearest first."""
    found = search(
        own.desk, who.tenant, wish.table_id, wish.text, where=wish.where, limit=wish.limit
    )
    items = [{"row": hit.key, "score": hit.score, "data": hit.data} for hit in found.hits]
    return {"model": found.model, "items": items}


def _key_of(request: Request, wish: ProfileWish) -> str:
    given = request.headers.getlist(_IDEMPOTENCY_KEY)
    if len(given) > 1 or not all(map(_KEY.fullmatch, given)):
        raise _not_a_key("Idempotency-Key")
    if wish.idempotencyKey is not None and not _KEY.fullmatch(wish.idempotencyKey):
        raise _not_a_key("/body/idempotencyKey")
    return given[0] if given else wish.idempotencyKey or ""


def _not_a_key(place: str) -> ProblemError:
    problem = "must be one word of 8 to 128 ASCII characters"
    return ProblemError(400, f"{place}: {problem}", faults=[Fault(place, problem)])


def _taken(own: Services, queue: Queue, tenant: str, wish: ProfileWish, key: str) -> Job:
    if not only_known(wish.payload):
        raise BadInputError(
            "payload", "holds no value, so nobody can be asked", hint="send a name or an address"
        )
    queue.check()
    new = new_job(tenant, wish.candidateId, wish.payload, is_forced=wish.force, key=key)
    taken = take_profile(own.desk, new)
    job = _job_of(taken)
    if taken.submission is Submission.BEGUN:
        queue.take_on(job.id)
    return job


def _job_of(taken: Taken) -> Job:
    if taken.submission is Submission.OTHER_BODY:
        raise ProblemError(422, "the idempotency key was sent before with another body")
    if taken.job is None:
        raise ProblemError(
            409,
            "the same request is being stored at this moment; ask again",
            headers={"Retry-After": str(_AGAIN_S)},
        )
    return taken.job


async def _waited(own: Services, queue: Queue, job: Job) -> Waited:
    def look() -> bool:
        return own.desk.jobs.find(job.id).state.has_ended

    limits = own.settings.api
    patience = Patience(
        wait_s=limits.wait_seconds,
        untaken_s=limits.untaken_seconds,
        has_workers=queue.has_workers,
    )
    return await ended(look, patience)
