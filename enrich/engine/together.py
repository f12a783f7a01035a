"""Begin a run for several callers at once: each asks for cells of one row, and gets its own answer.

What the callers of a run share is all that a run is told: tenant, table, columns and options. Who
may be answered from what is known needs no run; who asks for what is not there is told so, and
disturbs nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from enrich.domain.result import CellResult
from enrich.domain.run import BatchRef, Force, OpenBatch, Phase, Progress, RunOptions, RunView
from enrich.domain.table import Row
from enrich.domain.waterfall import is_protected
from enrich.engine.cells import cached_cells, is_undecided, keep_cells, may_be_cached
from enrich.engine.parts import Parts
from enrich.engine.report import standing_result
from enrich.engine.submit import known_columns, ordered
from enrich.errors import UnknownNameError, UsageError
from enrich.ports.callers import Caller, Callers, Looked, NewCalls

__all__ = ["Answer", "Begun", "Unit", "Wish", "begin_together"]

#: The cells of a row by column, or why there are none.
Answer = Mapping[str, CellResult] | UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the callers of one run share; `columns` None means all enriched ones."""

    tenant: str
    table: str
    columns: tuple[str, ...] | None
    options: RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A stored run of one batch, under a lease, and whom it is for; `began_s` is monotonic."""

    batch: OpenBatch
    callers: tuple[Caller, ...]
    began_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Answers that need no run, by the callers' ids, and the run for the others, if any is new."""

    answers: Mapping[str, Answer]
    unit: Unit | None = None


def begin_together(parts: Parts, store: Callers, wish: Wish, callers: Sequence[Caller]) -> Begun:
    """Answer from what is known, and store a run for all who are left.

    Each caller is in the answers, in the unit, or was stored before and is left to its first run.

    Raises:
        UsageError: the wish cannot be fulfilled for any row.
        DatabaseDownError: nothing was stored, or all was and the sweep takes it up.
    """
    began_s = parts.clock.monotonic_s()
    answers: dict[str, Answer] = dict(_cached(parts, wish, callers))
    left = [caller for caller in callers if caller.id not in answers]
    if not left:
        return Begun(answers=answers)
    looked = store.look(wish.tenant, wish.table, dict.fromkeys(c.row for c in left))
    wanted = known_columns(looked.columns, wish.columns, table=wish.table)
    answers |= _standing(parts, wish, wanted, looked, left)
    left = [caller for caller in left if caller.id not in answers]
    if not left:
        return Begun(answers=answers)
    unit = _stored(parts, store, wish, wanted, looked, left, began_s=began_s)
    return Begun(answers=answers, unit=unit)


def _cached(parts: Parts, wish: Wish, callers: Sequence[Caller]) -> dict[str, Answer]:
    if wish.columns is None or not may_be_cached(wish.options):
        return {}
    asked = {caller.row: wish.columns for caller in callers}
    known = cached_cells(parts, wish.tenant, wish.table, asked)
    return {caller.id: known[caller.row] for caller in callers if caller.row in known}


def _standing(
    parts: Parts,
    wish: Wish,
    wanted: Sequence[str],
    looked: Looked,
    callers: Sequence[Caller],
) -> dict[str, Answer]:
    """Answer who asks for a row that is not there, or none of whose cells is to be decided."""
    is_forced = wish.options.force is not Force.NONE
    columns = {column.key: column for column in looked.columns}

    def is_open(row: Row) -> bool:
        return any(
            is_undecided(row, key, forced=is_forced, protected=is_protected(row, columns[key]))
            for key in wanted
        )

    decided = {
        key: {column: standing_result(row, column) for column in wanted}
        for key, row in looked.rows.items()
        if not is_open(row)
    }
    if decided:
        keep_cells(parts, wish.tenant, wish.table, decided)
    known: Mapping[str, Answer] = decided
    lacking = {c.row for c in callers} - looked.rows.keys()
    within = f"table {wish.table!r}"
    known = {**decided, **{key: UnknownNameError("row", key, within=within) for key in lacking}}
    return {caller.id: known[caller.row] for caller in callers if caller.row in known}


def _stored(
    parts: Parts,
    store: Callers,
    wish: Wish,
    wanted: tuple[str, ...],
    looked: Looked,
    callers: Sequence[Caller],
    *,
    began_s: float,
) -> Unit | None:
    # A person or a program waits: not behind the batches of long runs.
    options = replace(ordered(wish.options, parts.policies.runs), urgent=True)
    new = NewCalls(
        tenant=wish.tenant,
        table_id=looked.table_id,
        wanted=wanted,
        options=options,
        callers=[(caller, looked.rows[caller.row].id) for caller in callers],
    )
    shared = store.store(new, lease_s=parts.policies.runs.lease_s)
    if shared is None:
        return None
    parts.recorder.count("runs_submitted", labels={"tenant": wish.tenant})
    ours = tuple(caller for caller in callers if caller.id in shared.ids)
    rows = {looked.rows[caller.row].id: looked.rows[caller.row] for caller in ours}
    run = RunView(
        id=shared.run_id,
        tenant=wish.tenant,
        table=wish.table,
        columns=looked.columns,
        wanted=wanted,
        options=options,
    )
    ordered_rows = tuple(rows[number] for number in sorted(rows))
    return Unit(batch=_first_batch(run, ordered_rows), callers=ours, began_s=began_s)


def _first_batch(run: RunView, rows: tuple[Row, ...]) -> OpenBatch:
    return OpenBatch(
        ref=BatchRef(run_id=run.id, number=1, attempt=1, phase=Phase.PROBE),
        run=run,
        rows=rows,
        responses=(),
        progress=Progress(),
    )
