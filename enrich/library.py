"""Enrich in this process: the functions of `from enrich import …`.

One set of services a process, built at the first call and closed at its end. Nothing here needs a
worker; Redis may be away.
"""

import atexit
import getpass
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enrich.bootstrap import Services, build
from enrich.bootstrap.home import beginning
from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.keys import breaker_key
from enrich.domain.metrics import EnrichmentMetrics
from enrich.domain.result import CellResult
from enrich.domain.run import Force
from enrich.domain.values import JsonObject
from enrich.engine.arguments import options_of
from enrich.engine.cells import CellsRequest, Known, begin, finish
from enrich.engine.gates import force_gate
from enrich.engine.prompts import PromptWish, declare_prompt
from enrich.engine.report import run_report
from enrich.engine.submit import RunRequest, enriched_columns, submit
from enrich.ports import Selection
from enrich.state.cache_rules import CacheStats
from enrich.state.metrics import read_metrics
from enrich.telemetry import show_warnings

__all__ = [
    "CircuitBreaker",
    "CircuitBreakers",
    "circuit_breakers",
    "clear_enrichment_cache",
    "close",
    "close_redis_connection",
    "enrich_cell",
    "enrich_cell_v2",
    "enrich_row",
    "enrich_rows",
    "get_cache_stats",
    "get_enrichment_metrics",
    "prompt_column",
    "services",
]

_lock = threading.Lock()
_built: list[Services] = []  # at most one; under the lock


def services() -> Services:
    """Give this process's services, building them at the first call.

    Raises:
        BadInputError: no address is set, and no `.enrich` lies in the working folder or above it.
    """
    with _lock:
        if not _built:
            show_warnings()
            with beginning(allowed=False):
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
    force: bool | str | Force = False,
    tenant: str = "default",
    max_cost: float | None = None,
    timeout_s: float = 30.0,
) -> CellResult:
    """Enrich one cell and give it.

    `parallel_probes=False` asks one provider after the other. `force=True` asks everybody again; a
    level (`Force` or its name) passes over less of what is known.
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
    force: bool | str | Force = False,
    tenant: str = "default",
    max_cost: float | None = None,
    timeout_s: float = 30.0,
) -> Mapping[str, CellResult]:
    """Enrich cells of one row, all enriched columns by default; see `enrich_cell`."""
    own = services()
    wanted = tuple(columns) if columns else enriched_columns(own.parts, tenant, table_id)
    options = options_of(force, parallel_probes, ensemble_fusion, max_cost)
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
    force: bool | str | Force = False,
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
        options=options_of(force, parallel_probes, ensemble_fusion, max_cost),
    )
    begun = submit(own.parts, request)
    own.runner.run(begun.steps, patience_s=timeout_s)
    return run_report(own.parts.runs.summary(tenant, begun.run.id))


def prompt_column(
    *,
    table_id: str,
    column_key: str,
    prompt: str,
    answer: str | None = None,
    choices: Sequence[str] = (),
    schema: str | None = None,
    evidence: Sequence[str] | None = None,
    model: str | None = None,
    max_cost: float | None = None,
    field: str | None = None,
    tenant: str = "default",
) -> None:
    """Let a language model fill a column, which is added where the table has none.

    `prompt` names columns in braces. The answer is one of `choices`, or has the JSON Schema
    `schema`, or a form by its name (`answer`: text, number, integer, boolean, url, list).
    `evidence` are the columns in which its quote is looked for; `max_cost` is credits for a cell.

    Raises:
        UnknownNameError: there is no such table, or the prompt names a column that is not there.
        BadInputError: the prompt could never be asked; says why.
    """
    wish = PromptWish(
        text=prompt,
        answer=answer,
        choices=choices,
        schema=schema,
        evidence=evidence,
        model=model,
        max_cost=max_cost,
    )
    declare_prompt(services().parts.rows, tenant, table_id, column_key, wish, field=field)


def get_enrichment_metrics() -> EnrichmentMetrics:
    """Give the numbers of all processes together, exact up to half a second ago."""
    own = services()
    return read_metrics(own.metrics, own.parts.breakers)


def get_cache_stats() -> CacheStats:
    """Give how often this process looked up in its caches, and what it found."""
    return sum((cache.stats() for cache in services().caches), start=CacheStats())


def clear_enrichment_cache() -> None:
    """Void all cached answers and results, of all tenants and for all processes, at once."""
    for cache in services().caches:
        cache.clear()


def close_redis_connection() -> None:
    """Give back the connections to Redis; the next call opens new ones."""
    services().close_redis()


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """One provider's breaker by hand."""

    provider: str

    @property
    def status(self) -> BreakerStatus:
        """How it stands: state, counts of the window, and when it tries again."""
        key = breaker_key(self._gate)
        return services().parts.breakers.status([key])[key]

    def force_state(
        self, state: str, *, hold: bool = False, actor: str = "", why: str = ""
    ) -> None:
        """Set "closed", "open" or "half_open"; for good with `hold`. Audited.

        Closing it closes those of the provider's credentials too.

        Raises `BadInputError` for any other word.
        """
        breakers = services().parts.breakers
        force_gate(breakers, self._gate, state, hold=hold, actor=actor or _user(), why=why)

    def release(self, *, actor: str = "", why: str = "") -> None:
        """End a hold: the next call is a trial."""
        breakers = services().parts.breakers
        breakers.release(breaker_key(self._gate), actor=actor or _user(), why=why)

    @property
    def _gate(self) -> str:
        return services().parts.provider(self.provider).spec.gate


class CircuitBreakers:
    """The breakers of all providers."""

    def get(self, provider: str) -> CircuitBreaker:
        """Give one. Raises `UnknownNameError`."""
        services().parts.provider(provider)
        return CircuitBreaker(provider)


circuit_breakers = CircuitBreakers()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
