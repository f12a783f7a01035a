"""Runs: begin one, follow it, stop it, take up what was parked."""

from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Response
from fastapi.responses import StreamingResponse

from enrich.api.asked import Answer, Enriching, Own, Queue, Reading
from enrich.api.listing import Listing, Paging, page_of
from enrich.api.models import RowsWish, RunWish
from enrich.api.problems import ProblemError
from enrich.api.reading import StrictRoute
from enrich.api.waiting import reports
from enrich.bootstrap import Services
from enrich.domain.endings import endings_of
from enrich.domain.values import JsonObject
from enrich.engine.arguments import columns_of, options_of, selection_of
from enrich.engine.parts import Parts
from enrich.engine.report import finished_report, run_report
from enrich.engine.retry import retry
from enrich.engine.submit import RunRequest, submit
from enrich.ports import Selection

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["runs"], route_class=StrictRoute)

_MOST_ROWS = 10_000
RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/runs", status_code=202)
def begin_run(wish: RunWish, who: Enriching, own: Own, queue: Queue, answer: Response) -> Answer:
    """Enrich a table's columns, where cells match `where`; answers at once with the run."""
    options = options_of(
        wish.force, wish.parallel_probes, wish.ensemble_fusion, wish.max_cost, wish.policy
    )
    where = wish.where.model_dump(exclude_none=True) if wish.where else None
    selection, options = selection_of(where, options, own.parts.clock.now())
    request = RunRequest(
        tenant=who.tenant,
        table=wish.table_id,
        columns=columns_of(wish.columns),
        selection=selection,
        options=options,
    )
    return _begun(own, queue, answer, request)


@router.post("/enrich/rows", status_code=202)
def enrich_rows(wish: RowsWish, who: Enriching, own: Own, queue: Queue, answer: Response) -> Answer:
    """Enrich rows of a table, up to 10,000; answers at once with the run."""
    if len(wish.row_ids) > _MOST_ROWS:
        raise ProblemError(413, f"row_ids: at most {_MOST_ROWS} of them; send the rest after")
    options = options_of(
        wish.force, wish.parallel_probes, wish.ensemble_fusion, wish.max_cost, wish.policy
    )
    request = RunRequest(
        tenant=who.tenant,
        table=wish.table_id,
        columns=columns_of(wish.columns),
        selection=Selection(keys=tuple(wish.row_ids)),
        options=options,
    )
    return _begun(own, queue, answer, request)


@router.get("/runs")
def list_runs(who: Reading, own: Own, paging: Paging) -> Listing:
    """List the tenant's runs, newest first."""
    before = paging.place(who.tenant, "runs")
    found = own.parts.runs.runs(who.tenant, limit=paging.limit + 1, before=before)
    return page_of(
        [run_report(run) for run in found],
        [run.id for run in found],
        paging,
        tenant=who.tenant,
        of="runs",
    )


@router.get("/runs/{run_id}")
def show_run(run_id: RunId, who: Reading, own: Own) -> Answer:
    """Tell how a run stands."""
    return _report(own.parts, who.tenant, run_id)


@router.get("/runs/{run_id}/report")
def report_run(run_id: RunId, who: Reading, own: Own) -> Answer:
    """Report a run: what it filled and changed, cost and took, and why cells are empty."""
    runs = own.parts.runs
    summary = runs.summary(who.tenant, run_id)
    return finished_report(summary, endings_of(summary.counts))


@router.get("/runs/{run_id}/events", response_class=StreamingResponse)
async def follow_run(run_id: RunId, who: Reading, own: Own) -> StreamingResponse:
    """Follow a run as server-sent events: `progress` at each change, `end` at its end."""
    told = reports(own.parts, who.tenant, run_id)
    # The first look is taken here, so that an unknown run is a plain 404.
    first = await anext(told)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(first, told), media_type="text/event-stream", headers=headers)


@router.post("/runs/{run_id}/cancel")
def cancel_run(run_id: RunId, who: Enriching, own: Own, queue: Queue) -> Answer:
    """Stop a run: no new call is made, and what is under way changes nothing any more; audited."""
    if own.parts.runs.cancel(who.tenant, run_id):
        own.desk.erasure.note(who.tenant, who.name, "run.cancelled", {"run": run_id})
        # A late step would tell of it as well, if there is one.
        queue.tell_end(own, run_id)
    return _report(own.parts, who.tenant, run_id)


@router.post("/runs/{run_id}/retry", status_code=202)
def retry_run(run_id: RunId, who: Enriching, own: Own, queue: Queue) -> Answer:
    """Take up a run's parked batches again."""
    queue.check()
    queue.send(retry(own.parts, who.tenant, run_id))
    return _report(own.parts, who.tenant, run_id)


def _begun(own: Services, queue: Queue, answer: Response, request: RunRequest) -> JsonObject:
    queue.check()
    begun = submit(own.parts, request)
    queue.send(begun.steps)
    queue.tell_empty(own, begun)
    answer.headers["Location"] = f"/v1/runs/{begun.run.id}"
    return _report(own.parts, request.tenant, begun.run.id)


def _report(parts: Parts, tenant: str, run_id: int) -> JsonObject:
    return run_report(parts.runs.summary(tenant, run_id))


async def _events(first: JsonObject, told: AsyncIterator[JsonObject]) -> AsyncIterator[bytes]:
    last = first
    yield _event("progress", first)
    async for report in told:
        last = report
        yield _event("progress", report)
    yield _event("end", last)


def _event(name: str, data: JsonObject) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
