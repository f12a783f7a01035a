"""Tell callers what came of their request."""

from collections.abc import Iterable, Mapping, Sequence

from enrich.domain.endings import Ending
from enrich.domain.result import CellMetadata, CellResult
from enrich.domain.run import Response
from enrich.domain.table import PERSON, CellState, Provenance, Row
from enrich.domain.values import JsonObject, credits_of, is_blank
from enrich.engine.parts import Parts
from enrich.ports import RunSummary

__all__ = ["cell_results", "finished_report", "run_report", "standing_result"]


def run_report(summary: RunSummary) -> JsonObject:
    """Sum a run up as its callers read it: `cost` in credits."""
    counts = summary.counts
    return {
        "run_id": summary.id,
        "table": summary.table,
        "state": summary.state.value,
        "rows": summary.rows,
        "filled": counts.filled,
        "changed": counts.changed,
        "not_found": counts.not_found,
        "pending": counts.pending,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "cost": credits_of(counts.cost_microcredits),
        "provider_calls": counts.provider_calls,
        "cache_hits": counts.cache_hits,
        "premium_saved": counts.premium_saved,
    }


def finished_report(summary: RunSummary, endings: Iterable[Ending]) -> JsonObject:
    """Report a run that has ended: what it did, what it cost and took, and why cells are empty.

    `endings` are its cells without a value by state and reason; `seconds` is None while it runs.
    """
    ended = summary.finished_at
    return {
        **run_report(summary),
        "columns": list(summary.wanted),
        "reasons": [
            {"state": each.state.value, "reason": each.reason, "cells": each.cells}
            for each in endings
        ],
        "started_at": summary.started_at.isoformat(),
        "finished_at": ended.isoformat() if ended else None,
        "seconds": (ended - summary.started_at).total_seconds() if ended else None,
    }


def cell_results(
    parts: Parts, tenant: str, table: str, key: str, columns: Iterable[str], *, run_id: int
) -> Mapping[str, CellResult]:
    """Give a row's cells as they stand, with what a run did for them.

    Raises `UnknownNameError`.
    """
    (row,) = parts.rows.read(tenant, table, [key])
    summary = parts.runs.summary(tenant, run_id)
    said = [r for number, r in parts.runs.evidence(tenant, table, key) if number == run_id]
    took_s = 0.0
    if summary.finished_at is not None:
        took_s = (summary.finished_at - summary.started_at).total_seconds()
    return {column: standing_result(row, column, said=said, took_s=took_s) for column in columns}


def standing_result(
    row: Row, column: str, *, said: Sequence[Response] = (), took_s: float = 0.0
) -> CellResult:
    """Give one cell as it stands; `said` is what a run heard about its row, in `took_s` seconds."""
    provenance = row.cells.get(column)
    value = row.data.get(column)
    filled = not is_blank(value)
    state, provider, confidence = _standing(provenance, filled=filled)
    from_cache = bool(said) and all(r.from_cache for r in said)
    metadata = CellMetadata(
        cache_hit=from_cache,
        negative_cache_hit=from_cache and not filled,
        singleflight_coalesced=any(r.coalesced for r in said),
        providers_tried=tuple(sorted({r.provider for r in said})),
        cost=credits_of(sum(r.cost_microcredits for r in said)),
        duration_ms=round(took_s * 1000, 3),
    )
    return CellResult(
        value=value if filled else None,
        confidence=confidence,
        provider=provider,
        state=state,
        reason=provenance.reason if provenance else "",
        metadata=metadata,
    )


def _standing(provenance: Provenance | None, *, filled: bool) -> tuple[str, str, float]:
    """Say a cell's state, who gave its value, and how sure that is; a person is sure."""
    if provenance is not None and provenance.provider != PERSON:
        state = CellState.FILLED if filled else provenance.state
        return state.value, provenance.provider, provenance.confidence
    return ("typed", PERSON, 1.0) if filled else ("empty", "", 0.0)
