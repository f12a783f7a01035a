"""The console's own addresses: whose key it is, its stream, and cells by whatever name.

Names of rows are the users' own and may hold a slash or be `..`; so they travel in queries and
bodies, where nobody takes them for a path.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from enrich.api.access import Access, identified
from enrich.api.asked import Answer, Enriching, Operating, Own, Reading
from enrich.api.console.hub import Hub
from enrich.api.listing import Listing, Paging, page_of
from enrich.api.models import CellLabelWish
from enrich.api.reading import StrictRoute
from enrich.domain.access import Principal
from enrich.domain.table import CellState, Row
from enrich.domain.values import Json, JsonObject, is_blank
from enrich.engine.evidence import cell_evidence, cell_json, evidence_json
from enrich.engine.labelling import label_cell
from enrich.engine.why import Why, why

__all__ = ["router"]

router = APIRouter(prefix="/v1/console", tags=["console"], route_class=StrictRoute)

_MOST_EVIDENCE = 200
#: Of a value that is long a list shows the beginning.
_MOST_LETTERS = 160
_LOOK_AGAIN_S = 30.0
_GONE = b'event: refused\ndata: {"detail": "the key was revoked or has expired"}\n\n'
Name = Annotated[str, Query(min_length=1, max_length=512)]


@router.get("/session")
async def session(who: Annotated[Principal, Depends(identified)]) -> Answer:
    """Say whose the credential is and what it allows; needs no X-Tenant-ID."""
    scopes: list[Json] = [*sorted(scope.value for scope in who.scopes)]
    return {"name": who.name, "tenant": who.tenant, "scopes": scopes}


@router.get("/events", response_class=StreamingResponse)
async def events(request: Request, who: Reading) -> StreamingResponse:
    """Follow runs, providers, queues and spending as server-sent events, until the caller leaves.

    `runs`, `providers`, `system`, `workers`, `spent` and `trust` come whole, each when it has
    changed; `beat` comes every second when nothing has.
    """
    hub: Hub = request.app.state.hub
    hub.check()
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _while_allowed(request, hub, who), media_type="text/event-stream", headers=headers
    )


@router.get("/rows")
def rows(table_id: Name, who: Reading, own: Own, paging: Paging) -> Listing:
    """List a table's rows for the eye: each cell's state and sureness, long values shortened."""
    of = f"console:{table_id}"
    after = paging.place(who.tenant, of) or 0
    found = own.parts.rows.page(who.tenant, table_id, after=after, limit=paging.limit + 1)
    items = [_row_json(row) for row in found]
    return page_of(items, [row.id for row in found], paging, tenant=who.tenant, of=of)


@router.get("/cell")
def cell(table_id: Name, row_id: Name, column_key: Name, who: Reading, own: Own) -> Answer:
    """Show a cell with all that was said about it, the newest first, and why it is as it is."""
    row, field, said = cell_evidence(own.parts, who.tenant, table_id, row_id, column_key)
    evidence: list[Json] = [evidence_json(run, one, field) for run, one in said[:_MOST_EVIDENCE]]
    return {
        **cell_json(row, column_key, field),
        "evidence": evidence,
        "why": _why_json(why(own.parts, who.tenant, table_id, row_id, column_key)),
    }


@router.post("/labels", status_code=201)
def label(wish: CellLabelWish, who: Enriching, own: Own) -> Answer:
    """Say that a cell's value, or the one given, is right or wrong; the cell stays as it is."""
    said = label_cell(
        own.parts,
        who.tenant,
        wish.table_id,
        wish.row_id,
        wish.column_key,
        value=wish.value,
        is_right=wish.right,
        actor=who.name,
    )
    return {"row": wish.row_id, "column": wish.column_key, "right": said.is_right}


@router.get("/acts")
def acts(who: Operating, own: Own, paging: Paging) -> Listing:
    """List what was done by hand for this tenant, by whom and when, newest first."""
    before = paging.place(who.tenant, "acts")
    found = own.desk.erasure.noted(who.tenant, limit=paging.limit + 1, before=before)
    items = [
        {"at": one.at.isoformat(), "actor": one.actor, "act": one.action, **dict(one.details)}
        for one in found
    ]
    return page_of(items, [one.id for one in found], paging, tenant=who.tenant, of="acts")


async def _while_allowed(request: Request, hub: Hub, who: Principal) -> AsyncIterator[bytes]:
    """Send until the caller's credential opens nothing any more."""
    access: Access = request.app.state.access
    credential = request.headers["authorization"].partition(" ")[2]
    loop = asyncio.get_running_loop()
    look_s = loop.time() + _LOOK_AGAIN_S
    async with aclosing(hub.watch(who.tenant)) as frames:
        async for frame in frames:
            yield frame
            if loop.time() >= look_s:
                look_s = loop.time() + _LOOK_AGAIN_S
                if await run_in_threadpool(access.principal, credential) != who:
                    yield _GONE
                    return


def _row_json(row: Row) -> JsonObject:
    keys = dict.fromkeys((*row.data, *row.cells))
    return {"row": row.key, "cells": {key: _cell_json(row, key) for key in keys}}


def _cell_json(row: Row, key: str) -> JsonObject:
    value, said = row.data.get(key), row.cells.get(key)
    if row.is_typed(key):
        return {"state": "typed", "value": _short(value)}
    if said is None:
        return {"state": "empty", "value": None}
    state = CellState.FILLED if not is_blank(value) else said.state
    return {
        "state": state.value,
        "value": _short(value),
        "confidence": said.confidence,
        "provider": said.provider,
        "flags": [*said.flags],
    }


def _short(value: Json) -> Json:
    match value:
        case str() if len(value) > _MOST_LETTERS:
            return value[:_MOST_LETTERS] + "…"
        case list() | dict():
            return _short(str(value))
        case _:
            return value


def _why_json(found: Why) -> JsonObject:
    fused = found.fused
    decided: JsonObject | None = None
    if fused is not None:
        candidates: list[Json] = [
            {"value": one.value, "probability": one.probability, "providers": [*one.providers]}
            for one in fused.candidates
        ]
        decided = {
            "value": fused.value,
            "confidence": fused.confidence,
            "support": fused.support,
            "agreement": fused.agreement,
            "flags": [flag.value for flag in fused.flags],
            "candidates": candidates,
        }
    return {
        "method": found.method,
        "trust": found.trust,
        "accepted_from": found.least,
        "reproduced": found.reproduced,
        "decided": decided,
        "voices": [asdict(voice) for voice in found.voices],
        "asked": [asdict(one) for one in found.asked],
    }
