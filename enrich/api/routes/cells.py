"""Cells and rows: enrich them, look at them, see who said what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool

from enrich.api.asked import Answer, Enriching, Own, Queue, Reading
from enrich.api.listing import Listing, Paging, page_of
from enrich.api.models import CellWish, RowWish
from enrich.api.paths import ColumnKey, RowId, TableId
from enrich.api.reading import StrictRoute
from enrich.api.waiting import NOTICE, Patience, Waited, ended
from enrich.bootstrap import Services
from enrich.domain.result import CellResult
from enrich.domain.table import Row
from enrich.domain.values import Json, JsonObject
from enrich.engine.arguments import columns_of, options_of
from enrich.engine.cells import CellsRequest, Known, begin, finish
from enrich.engine.evidence import cell_evidence, cell_json, evidence_json, provenance_json
from enrich.engine.report import run_report
from enrich.engine.submit import Submitted, enriched_columns
from enrich.ports import TableView

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["cells"], route_class=StrictRoute)

_MOST_EVIDENCE = 200
_LATER: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The wait is over and its run is still at work",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.post("/enrich/cell", responses=_LATER)
async def enrich_cell(
    wish: CellWish, who: Enriching, own: Own, queue: Queue, answer: Response
) -> Answer:
    """Enrich a cell: 200 with the cell when it is known within `wait_s`, else 202 with its run."""
    request = _request(wish, who.tenant, (wish.column_key,))
    done = await _done(own, queue, request, wish.wait_s)
    if isinstance(done, _Left):
        return await run_in_threadpool(_later, own, answer, done)
    return done[wish.column_key].to_json()


@router.post("/enrich/row", responses=_LATER)
async def enrich_row(
    wish: RowWish, who: Enriching, own: Own, queue: Queue, answer: Response
) -> Answer:
    """Enrich a row: 200 with `{column: cell}` when known within `wait_s`, else 202 with its run."""
    request = _request(wish, who.tenant, columns_of(wish.columns))
    done = await _done(own, queue, request, wish.wait_s)
    if isinstance(done, _Left):
        return await run_in_threadpool(_later, own, answer, done)
    return {column: cell.to_json() for column, cell in done.items()}


@router.get("/tables")
def list_tables(who: Reading, own: Own) -> Answer:
    """List the tenant's tables with their columns."""
    return {"items": [_table_json(view) for view in own.parts.rows.tables(who.tenant)]}


@router.get("/tables/{table_id}/rows")
def list_rows(table_id: TableId, who: Reading, own: Own, paging: Paging) -> Listing:
    """List a table's rows with the state of each cell, in the order in which they came."""
    of = f"rows:{table_id}"
    after = paging.place(who.tenant, of) or 0
    rows = own.parts.rows.page(who.tenant, table_id, after=after, limit=paging.limit + 1)
    items = [_row_json(row) for row in rows]
    return page_of(items, [row.id for row in rows], paging, tenant=who.tenant, of=of)


@router.get("/tables/{table_id}/rows/{row_id}/cells/{column_key}")
def show_cell(
    table_id: TableId, row_id: RowId, column_key: ColumnKey, who: Reading, own: Own
) -> Answer:
    """Show a cell with its evidence: who said what, when, for how much; the newest first."""
    row, field, said = cell_evidence(own.parts, who.tenant, table_id, row_id, column_key)
    return {
        **cell_json(row, column_key, field),
        "evidence": [evidence_json(run, each, field) for run, each in said[:_MOST_EVIDENCE]],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """A run that is still at work when the wait is over; `is_untaken` when nobody does it."""

    begun: Submitted
    is_untaken: bool


def _request(
    wish: CellWish | RowWish, tenant: str, columns: tuple[str, ...] | None
) -> CellsRequest:
    return CellsRequest(
        tenant=tenant,
        table=wish.table_id,
        row=wish.row_id,
        columns=columns,
        options=options_of(
            wish.force, wish.parallel_probes, wish.ensemble_fusion, wish.max_cost, wish.policy
        ),
    )


async def _done(
    own: Services, queue: Queue, request: CellsRequest, wait_s: float
) -> Mapping[str, CellResult] | _Left:
    """Give the cells, or the run that is still at work when the wait is over."""
    begun = await run_in_threadpool(_begin, own, queue, request)
    if isinstance(begun, Known):
        return begun.results
    limits = own.settings.api
    patience = Patience(
        wait_s=min(wait_s, limits.wait_seconds),
        untaken_s=limits.untaken_seconds,
        has_workers=queue.has_workers,
    )
    waited = await ended(lambda: own.parts.runs.ended(begun.run.id) is not None, patience)
    if waited is not Waited.ENDED:
        return _Left(begun=begun, is_untaken=waited is Waited.UNTAKEN)
    return await run_in_threadpool(_finish, own, request, begun)


def _begin(own: Services, queue: Queue, request: CellsRequest) -> Known | Submitted:
    queue.check()
    begun = begin(own.parts, request)
    if isinstance(begun, Submitted):
        queue.send(begun.steps)
    return begun


def _finish(own: Services, request: CellsRequest, begun: Submitted) -> Mapping[str, CellResult]:
    wanted = request.columns or enriched_columns(own.parts, request.tenant, request.table)
    return finish(
        own.parts, request.tenant, request.table, request.row, wanted, run_id=begun.run.id
    )


def _later(own: Services, answer: Response, left: _Left) -> JsonObject:
    run = left.begun.run
    answer.status_code = 202
    answer.headers["Location"] = f"/v1/runs/{run.id}"
    notice: JsonObject = {"notice": NOTICE} if left.is_untaken else {}
    return {**run_report(own.parts.runs.summary(run.tenant, run.id)), **notice}


def _table_json(view: TableView) -> JsonObject:
    columns: list[Json] = [
        {"key": column.key, "field": column.field, "enriched": column.enriched}
        for column in view.columns
    ]
    return {"table": view.name, "rows": view.rows, "columns": columns}


def _row_json(row: Row) -> JsonObject:
    cells: JsonObject = {key: provenance_json(cell) for key, cell in row.cells.items()}
    return {"row": row.key, "data": dict(row.data), "cells": cells}
