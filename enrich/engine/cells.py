"""Enrich a few cells of one row: from the cache, from the row as it stands, or by a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from enrich.domain.metrics import CELL_HITS
from enrich.domain.result import CellResult
from enrich.domain.run import Force, RunOptions
from enrich.domain.table import CellState, Row
from enrich.domain.values import is_blank
from enrich.domain.waterfall import is_protected
from enrich.engine.fuse import cell_name
from enrich.engine.parts import Parts
from enrich.engine.report import cell_results, standing_result
from enrich.engine.submit import RunRequest, Submitted, known_columns, submit
from enrich.ports import CacheEntry, CacheHit, Selection

__all__ = [
    "CellsRequest",
    "Known",
    "begin",
    "cached_cells",
    "finish",
    "is_undecided",
    "keep_cells",
    "may_be_cached",
]

#: States that say something about the cell rather than about the moment.
_KEPT = frozenset({CellState.FILLED.value, CellState.NOT_FOUND.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class CellsRequest:
    """Cells of one row that somebody wants; `columns` None means all enriched ones."""

    tenant: str
    table: str
    row: str
    columns: tuple[str, ...] | None
    options: RunOptions = field(default_factory=RunOptions)
    reply_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Cells that need no run."""

    results: Mapping[str, CellResult]


def begin(parts: Parts, request: CellsRequest) -> Known | Submitted:
    """Answer from what is known, or store a run for the cells.

    Raises:
        UnknownNameError: there is no such table, row or column.
    """
    if may_be_cached(request.options) and request.columns:
        asked = {request.row: request.columns}
        cached = cached_cells(parts, request.tenant, request.table, asked)
        if request.row in cached:
            return Known(results=cached[request.row])
    known = _standing(parts, request, forced=request.options.force is not Force.NONE)
    if known is not None:
        return known
    return submit(
        parts,
        RunRequest(
            tenant=request.tenant,
            table=request.table,
            columns=request.columns,
            selection=Selection(keys=(request.row,)),
            # A person or a program waits: not behind the batches of long runs.
            options=replace(request.options, urgent=True),
            reply_to=request.reply_to,
        ),
    )


def finish(
    parts: Parts, tenant: str, table: str, row: str, columns: Sequence[str], *, run_id: int
) -> Mapping[str, CellResult]:
    """Give the cells as a run has left them, and keep them for the next who asks."""
    results = cell_results(parts, tenant, table, row, columns, run_id=run_id)
    keep_cells(parts, tenant, table, {row: results})
    return results


def may_be_cached(options: RunOptions) -> bool:
    """Say whether a cell that was decided before will do.

    What is cached was decided by the settings' fusion: another kind has to look for itself.
    """
    return options.ensemble_fusion is None and options.force is Force.NONE


def _standing(parts: Parts, request: CellsRequest, *, forced: bool) -> Known | None:
    """Give the row's cells if none of them is to be decided: typed, or filled and not forced."""
    view = parts.rows.table(request.tenant, request.table)
    columns = {column.key: column for column in view.columns}
    wanted = known_columns(view.columns, request.columns or None, table=request.table)
    (row,) = parts.rows.read(request.tenant, request.table, [request.row])
    if any(
        is_undecided(row, key, forced=forced, protected=is_protected(row, columns[key]))
        for key in wanted
    ):
        return None
    results = {key: standing_result(row, key) for key in wanted}
    keep_cells(parts, request.tenant, request.table, {request.row: results})
    return Known(results=results)


def is_undecided(row: Row, column: str, *, forced: bool, protected: bool) -> bool:
    """Say whether somebody has to be asked about a cell."""
    return not protected and (forced or is_blank(row.data.get(column)))


def cached_cells(
    parts: Parts, tenant: str, table: str, asked: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, CellResult]]:
    """Give the cells of those rows, by key, all of whose columns are cached; in one round trip."""
    started_s = parts.clock.monotonic_s()
    if not parts.policies.cache.enabled or not asked:
        return {}
    names = {
        row: {column: cell_name(table, row, column) for column in columns}
        for row, columns in asked.items()
    }
    every = tuple(dict.fromkeys(name for own in names.values() for name in own.values()))
    hits = parts.cells.get_many(tenant, every)
    if not hits:
        return {}
    took_ms = (parts.clock.monotonic_s() - started_s) * 1000
    found = {row: _hits_of(own, hits, took_ms) for row, own in names.items()}
    whole = {row: own for row, own in found.items() if len(own) == len(names[row])}
    for own in whole.values():
        for result in own.values():
            negative = str(result.metadata.negative_cache_hit).lower()
            parts.recorder.count(CELL_HITS, labels={"negative": negative})
    return whole


def _hits_of(
    names: Mapping[str, str], hits: Mapping[str, CacheHit], took_ms: float
) -> dict[str, CellResult]:
    results = {}
    for column, name in names.items():
        hit = hits.get(name)
        result = _readable(hit) if hit else None
        if hit is not None and result is not None:
            results[column] = result.from_cache(negative=hit.negative, duration_ms=took_ms)
    return results


def keep_cells(
    parts: Parts, tenant: str, table: str, rows: Mapping[str, Mapping[str, CellResult]]
) -> None:
    """Keep those results, by row and column, that are worth it; what nobody knew, for less long."""
    policy = parts.policies.cache
    if not policy.enabled:
        return
    ttl_s = _ttls(parts, tenant, table) if policy.field_ttl_s else {}
    entries = {}
    for row, results in rows.items():
        for column, result in results.items():
            if result.state not in _KEPT:
                continue
            negative = result.state == CellState.NOT_FOUND.value
            lasts_s = ttl_s.get(column, policy.default_ttl_s)
            entries[cell_name(table, row, column)] = CacheEntry(
                payload=result.to_json(),
                ttl_s=policy.negative_ttl_s if negative else lasts_s,
                negative=negative,
                reason=result.state if negative else "",
            )
    if entries:
        parts.cells.put_many(tenant, entries)


def _ttls(parts: Parts, tenant: str, table: str) -> dict[str, int]:
    """Give the lifetimes of the columns whose field ages faster than others."""
    policy = parts.policies.cache
    columns = parts.rows.table(tenant, table).columns
    own = {c.key: policy.field_ttl_s[c.field] for c in columns if c.field in policy.field_ttl_s}
    return {key: min(ttl_s, policy.default_ttl_s) for key, ttl_s in own.items()}


def _readable(hit: CacheHit) -> CellResult | None:
    try:
        return CellResult.from_json(hit.payload) if isinstance(hit.payload, dict) else None
    except (KeyError, TypeError):
        return None
