"""Carry a small run through its phases in this process, without a message between its steps.

Nothing is lost with the process: the batch is under a lease, and each phase is stored as it ends.
What would hold a thread for long is handed on instead: premium providers, and rows that wait for
their moment.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from enrich.domain.result import CellResult
from enrich.domain.run import OpenBatch, Phase, Response, Step, StepKind
from enrich.domain.table import Row
from enrich.domain.writes import written
from enrich.engine.cells import keep_cells
from enrich.engine.fuse import Joined, join
from enrich.engine.parts import Parts
from enrich.engine.probe import answers_of
from enrich.engine.report import standing_result
from enrich.engine.stale import note_stale
from enrich.engine.submit import resume
from enrich.engine.together import Unit
from enrich.engine.traced import facts_of
from enrich.ports import Finished, WriteReport

__all__ = ["Carried", "carry", "keep_carried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """How far a unit was carried: the decided cells of rows that somebody waits for, by column.

    `steps` are to be sent to others; `finished` is the run if this was its end.
    """

    cells: Mapping[str, Mapping[str, CellResult]]
    steps: tuple[Step, ...] = ()
    finished: Finished | None = None


def _unnoted(_: Step) -> None:
    pass


def carry(
    parts: Parts, unit: Unit, pool: Executor, *, reached: Callable[[Step], None] = _unnoted
) -> Carried:
    """Ask, fuse and write, wave after wave; `pool` asks providers beside this thread.

    `reached` is told each step before it is done: the last one is what others can go on with.

    Raises:
        DependencyError: what was not stored is left to the lease of the batch.
    """
    batch: OpenBatch | None = unit.batch
    (step,) = resume(parts, unit.batch.run, [unit.batch.ref])
    said: tuple[Response, ...] = ()
    reached(step)
    while batch is not None:
        told = _asked(parts, batch, step, pool)
        said += told
        joined = join(parts, batch, told=told)
        onward = joined.fusion.steps
        if not joined.settled.won:
            return Carried(cells={})
        if joined.decision.phase is not Phase.PROBE:
            return Carried(
                cells=_cells(parts, unit, batch, joined, said),
                steps=onward,
                finished=joined.fusion.finished,
            )
        step = onward[0]
        reached(step)
        batch = parts.runs.open(step.batch, lease_s=parts.policies.runs.lease_s)
    note_stale(parts, step.batch, "probe")
    return Carried(cells={})


def _asked(parts: Parts, batch: OpenBatch, step: Step, pool: Executor) -> tuple[Response, ...]:
    if step.kind is not StepKind.PROBE or not step.providers:
        return ()
    first, *others = step.providers
    bound = parts.tracer.bound
    beside = [pool.submit(bound(partial(_probed, parts, batch, step, name))) for name in others]
    said = _probed(parts, batch, step, first)
    return said + tuple(response for future in beside for response in future.result())


def _probed(parts: Parts, batch: OpenBatch, step: Step, provider: str) -> tuple[Response, ...]:
    with parts.tracer.span("probe", facts_of(step, provider)):
        return answers_of(parts, batch, step, provider)


def _cells(
    parts: Parts, unit: Unit, batch: OpenBatch, joined: Joined, said: Sequence[Response]
) -> dict[str, dict[str, CellResult]]:
    """Give the cells of the rows that wait for nobody any more."""
    if joined.decision.phase is not Phase.DONE:
        return {}
    # Whoever waits for nothing may read the row.
    awaited = {caller.row for caller in unit.callers if caller.waits}
    if not awaited:
        return {}
    took_s = parts.clock.monotonic_s() - unit.began_s
    heard: dict[int, list[Response]] = {}
    for response in said:
        heard.setdefault(response.row, []).append(response)
    return {
        row.key: {
            key: standing_result(row, key, said=heard.get(row.id, ()), took_s=took_s)
            for key in batch.run.wanted
        }
        for row in _as_written(parts, batch, joined)
        if row.key in awaited and row.id not in joined.decision.waiting
    }


def _as_written(parts: Parts, batch: OpenBatch, joined: Joined) -> Sequence[Row]:
    writes = joined.decision.writes
    if joined.settled.report != WriteReport(written=len(writes)):
        # Somebody else wrote as well: it is read how the rows stand.
        present = parts.rows.present(batch.run.tenant, [row.id for row in batch.rows])
        keys = [row.key for row in batch.rows if row.id in present]
        return parts.rows.read(batch.run.tenant, batch.run.table, keys)
    rows = {row.id: row for row in batch.rows}
    for write in writes:
        rows[write.row] = written(rows[write.row], write)
    return tuple(rows.values())


def keep_carried(parts: Parts, unit: Unit, carried: Carried) -> None:
    """Keep the cells for the next who asks; nobody has to wait for that."""
    run = unit.batch.run
    keep_cells(parts, run.tenant, run.table, carried.cells)
