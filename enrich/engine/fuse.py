"""Join what the providers of a wave said, write the cells, and move the batch on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from enrich.domain.advance import Decision, advance
from enrich.domain.keys import digest, digests
from enrich.domain.run import OpenBatch, Phase, Response, Step, StepKind
from enrich.domain.table import CellWrite
from enrich.engine.choosing import choosing_of
from enrich.engine.parts import Parts
from enrich.engine.recording import forget_erased
from enrich.engine.stale import note_stale
from enrich.engine.submit import resume
from enrich.ports import Deferred, Finished, Settled, Settlement

__all__ = ["Fusion", "Joined", "cell_name", "fuse", "join"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """What is due after a fusion: steps to dispatch, and the run if this was its end."""

    steps: tuple[Step, ...] = ()
    finished: Finished | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A fusion with what was decided, and how it was stored."""

    decision: Decision
    settled: Settled
    fusion: Fusion


def fuse(parts: Parts, step: Step) -> Fusion:
    """Decide a batch's open cells from the ledger; write and move on in one transaction.

    A second fusion of the same wave, or one of an older attempt, changes nothing.
    """
    policies = parts.policies
    batch = parts.runs.open(step.batch, lease_s=policies.runs.lease_s)
    if batch is None:
        note_stale(parts, step.batch, "fuse")
        # Whoever ended the run may have died before saying so: it is said again and harms nobody.
        return Fusion(finished=parts.runs.ended(step.batch.run_id))
    return join(parts, batch).fusion


def join(parts: Parts, batch: OpenBatch, *, told: tuple[Response, ...] = ()) -> Joined:
    """Decide the open cells of a batch that has just been read; write and move on.

    What was `told` since then is written down by the same statement. A batch that has moved on
    meanwhile is left as it is: nothing was settled.
    """
    policy = parts.policies.runs
    decision = advance(
        replace(batch, responses=batch.responses + told),
        parts.of(batch.run.columns).specs,
        fusion=parts.fusion_of(batch.run),
        runs=policy,
        now=parts.clock.now(),
        choosing=choosing_of(parts, batch.run),
    )
    settled = parts.runs.settle(
        batch.ref,
        _settlement(decision, told),
        in_flight=policy.max_batches_in_flight,
        lease_s=policy.lease_s,
    )
    if settled.recorded < len(told) or settled.report.gone:
        forget_erased(parts, batch.run, batch.responses + told)
    fusion = _fusion(parts, batch, decision, settled)
    return Joined(decision=decision, settled=settled, fusion=fusion)


def _fusion(parts: Parts, batch: OpenBatch, decision: Decision, settled: Settled) -> Fusion:
    if not settled.won:
        note_stale(parts, batch.ref, "fuse")
        return Fusion()
    _forget_cells(parts, batch, decision.writes)
    parts.recorder.count("cells_written", settled.report.written)
    parts.recorder.count("cells_superseded", settled.report.superseded)
    own = (_next_step(batch, decision),) if decision.phase is not Phase.DONE else ()
    launched = resume(parts, batch.run, settled.launched)
    if settled.deferred is not None:
        ref, ready_at = settled.deferred
        later = resume(parts, batch.run, [ref])
        launched += tuple(replace(step, at=ready_at) for step in later)
    return Fusion(steps=own + launched, finished=settled.finished)


def _settlement(decision: Decision, told: tuple[Response, ...]) -> Settlement:
    deferred = None
    if decision.waiting and decision.ready_at is not None:
        deferred = Deferred(rows=decision.waiting, ready_at=decision.ready_at)
    return Settlement(
        writes=decision.writes,
        phase=decision.phase,
        wave=decision.wave,
        counts=decision.counts,
        deferred=deferred,
        said=told,
    )


def _next_step(batch: OpenBatch, decision: Decision) -> Step:
    kind = StepKind.PREMIUM if decision.phase is Phase.PREMIUM else StepKind.PROBE
    ref = batch.ref.moved_to(decision.phase, decision.wave)
    run = batch.run
    return Step(
        kind=kind,
        batch=ref,
        providers=decision.providers,
        asks=decision.asks,
        table=run.table,
        tenant=run.tenant,
        urgent=run.options.urgent,
    )


def cell_name(table: str, row: str, column: str) -> str:
    """Name a cell in the cache of cell results."""
    return digest((table, row, column))


def _forget_cells(parts: Parts, batch: OpenBatch, writes: Iterable[CellWrite]) -> None:
    keys = {row.id: row.key for row in batch.rows}
    names = digests(batch.run.table, [(keys[w.row], w.column) for w in writes])
    if names:
        parts.cells.drop_many(batch.run.tenant, names)
