"""Profiles: submit one, ask how it stands, and find candidates by meaning."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from enrich.api.answers import JobAnswer, SearchAnswer
from enrich.api.asked import Answer, Enriching, Own, Queue, Reading
from enrich.api.gathered import Gathered
from enrich.api.models import ProfileWish, SearchWish
from enrich.api.problems import Fault, ProblemError
from enrich.api.reading import StrictRoute
from enrich.api.waiting import NOTICE, Patience, Waited, ended
from enrich.bootstrap import Services
from enrich.domain.job import Job, NewJob, Submission, new_job
from enrich.domain.values import only_known
from enrich.engine.embedding import search
from enrich.engine.jobs import Taken, job_json, take_profiles
from enrich.errors import BadInputError, UnknownNameError

__all__ = ["finding", "router", "taking"]

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
    take: Gathered[NewJob, Taken] = request.app.state.take
    job = _job_of(await take(_new(who.tenant, wish, key)))
    answer.headers["Location"] = f"/v1/enrich/status/{job.id}"
    waited = Waited.LATE if wish.is_async else await _waited(own, queue, job)
    if waited is Waited.ENDED:
        answer.status_code = 200
        job = await run_in_threadpool(own.desk.jobs.find, job.id)
    notice = NOTICE if waited is Waited.UNTAKEN else None
    return {"job": job_json(job), "notice": notice}


@router.get("/enrich/status/{jobId}", response_model=JobAnswer, response_model_exclude_none=True)
async def show_job(
    job_id: Annotated[str, Path(alias="jobId", min_length=1, max_length=100)],
    who: Reading,
    request: Request,
) -> Answer:
    """Tell how a job stands; for a day after it was submitted."""
    find: Gathered[tuple[str, str], Job | None] = request.app.state.find
    job = await find((who.tenant, job_id))
    if job is None:
        raise UnknownNameError("job", job_id)
    return {"job": job_json(job)}


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


def _new(tenant: str, wish: ProfileWish, key: str) -> NewJob:
    if not only_known(wish.payload):
        raise BadInputError(
            "payload", "holds no value, so nobody can be asked", hint="send a name or an address"
        )
    return new_job(tenant, wish.candidateId, wish.payload, is_forced=wish.force, key=key)


def taking(own: Services, queue: Queue) -> Callable[[Sequence[NewJob]], Sequence[Taken]]:
    """Give what stores profiles and has their jobs begun, many at once."""

    def take(new: Sequence[NewJob]) -> Sequence[Taken]:
        queue.check()
        taken = take_profiles(own.desk, new)
        begun = [one.job.id for one in taken if one.job and one.submission is Submission.BEGUN]
        queue.take_on(begun)
        return taken

    return take


def finding(own: Services) -> Callable[[Sequence[tuple[str, str]]], Sequence[Job | None]]:
    """Give what finds jobs by tenant and id, many at once."""

    def find(asked: Sequence[tuple[str, str]]) -> Sequence[Job | None]:
        ids: dict[str, list[str]] = {}
        for tenant, job_id in asked:
            ids.setdefault(tenant, []).append(job_id)
        found = {
            (tenant, job.id): job
            for tenant, own_ids in ids.items()
            for job in own.desk.jobs.some(own_ids, tenant=tenant)
        }
        return [found.get((tenant, _plain(job_id))) for tenant, job_id in asked]

    return find


def _plain(job_id: str) -> str:
    try:
        return str(UUID(job_id))
    except ValueError:
        return ""


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
