"""Enrich in this process: the functions of `from enrich import …`.

One set of services a process, built at the first call and closed at its end. Nothing here needs a
worker; Redis may be away.
"""

import atexit
import threading
from collections.abc import Mapping, Sequence

from enrich.bootstrap import Services, build
from enrich.domain.result import CellResult
from enrich.domain.run import Force, RunOptions
from enrich.domain.values import JsonObject, microcredits_of
from enrich.engine.cells import CellsRequest, Known, begin, finish
from enrich.engine.report import run_report
from enrich.engine.submit import RunRequest, enriched_columns, submit
from enrich.ports import Selection

__all__ = ["close", "enrich_cell", "enrich_cell_v2", "enrich_row", "enrich_rows", "services"]

_lock = threading.Lock()
_built: list[Services] = []  # at most one; under the lock


def services() -> Services:
    """Give this process's services, building them at the first call."""
    with _lock:
        if not _built:
            _built.append(build())
            atexit.register(close)
        return _built[0]


def close() -> None:
    """Give back connections and threads; the next call builds them anew."""
    with _lock:
        while _built:
            _built.pop().close()


def enrich_cell(
    *,
    table_id: str,
    row_id: str,
    column_key: str,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    force: bool | Force = False,
    tenant: str = "default",
    max_cost: float | None = None,
    timeout_s: float = 30.0,
) -> CellResult:
    """Enrich one cell and give it.

    `parallel_probes=False` asks one provider after the other. `force=True` asks everybody again.
    `max_cost` is in credits. After `timeout_s` a cell that a rate limit holds back is given as it
    stands; a worker goes on with it.

    Raises:
        UnknownNameError: there is no such table, row or column.
        DatabaseDownError: PostgreSQL does not answer.
    """
    cells = enrich_row(
        table_id=table_id,
        row_id=row_id,
        columns=(column_key,),
        parallel_probes=parallel_probes,
        ensemble_fusion=ensemble_fusion,
        force=force,
        tenant=tenant,
        max_cost=max_cost,
        timeout_s=timeout_s,
    )
    return cells[column_key]


#: The same function under the name that callers of its second version know.
enrich_cell_v2 = enrich_cell


def enrich_row(
    *,
    table_id: str,
    row_id: str,
    columns: Sequence[str] | None = None,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    force: bool | Force = False,
    tenant: str = "default",
    max_cost: float | None = None,
    timeout_s: float = 30.0,
) -> Mapping[str, CellResult]:
    """Enrich cells of one row, all enriched columns by default; see `enrich_cell`."""
    own = services()
    wanted = tuple(columns) if columns else enriched_columns(own.parts, tenant, table_id)
    options = _options(force, parallel_probes, ensemble_fusion, max_cost)
    begun = begin(
        own.parts,
        CellsRequest(tenant=tenant, table=table_id, row=row_id, columns=wanted, options=options),
    )
    if isinstance(begun, Known):
        return begun.results
    own.runner.run(begun.steps, patience_s=timeout_s)
    return finish(own.parts, tenant, table_id, row_id, wanted, run_id=begun.run.id)


def enrich_rows(
    *,
    table_id: str,
    row_ids: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    force: bool | Force = False,
    tenant: str = "default",
    max_cost: float | None = None,
    timeout_s: float = 600.0,
) -> JsonObject:
    """Enrich rows of a table, all by default; gives the run's summary."""
    own = services()
    request = RunRequest(
        tenant=tenant,
        table=table_id,
        columns=tuple(columns) if columns else None,
        selection=Selection(keys=tuple(row_ids) if row_ids is not None else None),
        options=_options(force, parallel_probes, ensemble_fusion, max_cost),
    )
    begun = submit(own.parts, request)
    own.runner.run(begun.steps, patience_s=timeout_s)
    return run_report(own.parts.runs.summary(tenant, begun.run.id))


def _options(
    force: bool | Force,
    parallel_probes: bool,
    ensemble_fusion: bool | None,
    max_cost: float | None,
) -> RunOptions:
    level = force if isinstance(force, Force) else Force.RESPONSES if force else Force.NONE
    return RunOptions(
        force=level,
        parallel_probes=parallel_probes,
        ensemble_fusion=ensemble_fusion,
        max_cost_microcredits=None if max_cost is None else microcredits_of(max_cost),
    )
