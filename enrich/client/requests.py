"""What a client can ask for, with the types of what comes back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar, Unpack

from enrich.domain.result import CellResult

__all__ = [
    "Options",
    "Request",
    "RunTotals",
    "TableOptions",
    "Where",
    "cell",
    "row",
    "rows",
    "table",
]

T_co = TypeVar("T_co", covariant=True)


class Options(TypedDict, total=False):
    """How to enrich. `max_cost` is in credits; unset fields are left to the worker."""

    force: bool | str
    parallel_probes: bool
    ensemble_fusion: bool | None
    tenant: str
    max_cost: float | None


class TableOptions(Options, total=False):
    """How to enrich a table: `policy` is parallel, sequential or adaptive."""

    policy: str | None


class Where(TypedDict, total=False):
    """Which cells of a table are taken up: by state, age in seconds, and confidence."""

    state: list[str]
    older_than_s: float
    confidence_below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotals:
    """What a run did, in cells; `cost` is in credits."""

    run_id: int
    table: str
    state: str
    rows: int
    filled: int
    not_found: int
    pending: int
    failed: int
    skipped: int
    cost: float
    provider_calls: int
    cache_hits: int
    premium_saved: int

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "RunTotals":
        """Read a worker's answer; what a newer worker adds is passed over."""
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[T_co]):
    """A task by name with its arguments, and how its result is read."""

    task: str
    arguments: Mapping[str, object]
    read: Callable[[Any], T_co]


def cell(
    table_id: str, row_id: str, column_key: str, **options: Unpack[Options]
) -> Request[CellResult]:
    """Ask for one cell."""
    named = {"table_id": table_id, "row_id": row_id, "column_key": column_key}
    return Request(task="enrich.cell", arguments={**named, **options}, read=CellResult.from_json)


def row(
    table_id: str,
    row_id: str,
    columns: Sequence[str] | None = None,
    **options: Unpack[Options],
) -> Request[Mapping[str, CellResult]]:
    """Ask for cells of one row, all enriched columns by default."""
    named = {"table_id": table_id, "row_id": row_id, "columns": _listed(columns)}
    return Request(task="enrich.row", arguments={**named, **options}, read=_cells)


def rows(
    table_id: str,
    row_ids: Sequence[str],
    columns: Sequence[str] | None = None,
    **options: Unpack[Options],
) -> Request[RunTotals]:
    """Ask for rows of a table; gives what the run did."""
    named = {"table_id": table_id, "row_ids": list(row_ids), "columns": _listed(columns)}
    return Request(task="enrich.rows", arguments={**named, **options}, read=RunTotals.from_json)


def table(
    table_id: str,
    columns: Sequence[str] | None = None,
    where: Where | None = None,
    **options: Unpack[TableOptions],
) -> Request[RunTotals]:
    """Ask for a table, or for its rows with cells `where`; gives what the run did."""
    named = {"table_id": table_id, "columns": _listed(columns), "where": where}
    return Request(task="enrich.table", arguments={**named, **options}, read=RunTotals.from_json)


def _listed(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)


def _cells(raw: Mapping[str, Any]) -> Mapping[str, CellResult]:
    return {column: CellResult.from_json(one) for column, one in raw.items()}
