"""The run store in memory: batches, leases and the ledger as in PostgreSQL, under one lock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from enrich.domain.run import BatchRef, OpenBatch, Phase, Response, RunState, RunView
from enrich.errors import UnknownNameError
from enrich.ports.runs import (
    Deferred,
    Finished,
    NewRun,
    RunSummary,
    Settled,
    Settlement,
    Swept,
)
from enrich.store.memory import MemoryDatabase, stored_write
from enrich.store.memory_ledger import (
    append,
    known_responses,
    known_tokens,
    money_waits,
    said_of,
    skipped_by,
)
from enrich.store.memory_model import OPEN_PHASES, MemoryBatch, MemoryRun
from enrich.store.memory_selection import chosen_rows

__all__ = ["MemoryRunStore"]


class MemoryRunStore:
    """The port `RunStore` in memory; give it the database of the `MemoryRowStore`."""

    def __init__(self, database: MemoryDatabase, *, holder: str = "") -> None:
        """`holder` names this process among those that launch and open batches."""
        self._db, self._holder = database, holder

    def create(
        self, new: NewRun, *, in_flight: int, lease_s: float
    ) -> tuple[RunView, tuple[BatchRef, ...]]:
        """Store a run and its batches; put the first `in_flight` of them under a lease."""
        with self._db.lock:
            same = [run for run in self._db.runs.values() if run.new.reply_to == new.reply_to]
            if new.reply_to and same:
                return same[0].view(), ()
            table = self._db.table(new.tenant, new.table)
            chosen = chosen_rows(table, new)
            run = MemoryRun(next(self._db.stamps), new, table, self._db.now(), len(chosen))
            for start in range(0, len(chosen), new.batch_rows):
                rows = chosen[start : start + new.batch_rows]
                run.batches.append(MemoryBatch(len(run.batches) + 1, rows))
            self._db.runs[run.id] = run
            run.end_if_done(self._db.now())
            launched = self._launch(run, in_flight, lease_s, self._holder)
            return run.view(), launched

    def open(
        self, ref: BatchRef, *, lease_s: float, provider: str | None = None
    ) -> OpenBatch | None:
        """Read a batch with its rows and responses, and renew its lease."""
        with self._db.lock:
            found = self._find(ref)
            if found is None:
                return None
            run, batch = found
            batch.lease_until, batch.holder = self._lease(lease_s), self._holder
            batch.unopened = 0
            rows = tuple(run.table.rows[i] for i in batch.rows if i in run.table.rows)
            said = known_responses(self._db, ref, batch.rows)
            mine = tuple(r for r in said if provider in {None, r.provider})
            tokens = known_tokens(self._db, ref, batch.rows)
            return OpenBatch(
                ref=ref,
                run=run.view(),
                rows=rows,
                responses=mine,
                tokens=tokens,
                money_waits=money_waits(self._db, ref, batch.rows),
                progress=run.progress(),
            )

    def record(self, ref: BatchRef, responses: Sequence[Response]) -> int:
        """Append to the ledger; a response that is there already is kept."""
        with self._db.lock:
            return append(self._db, ref, responses, rows=self._db.runs[ref.run_id].table.rows)

    def settle(
        self, ref: BatchRef, settlement: Settlement, *, in_flight: int, lease_s: float
    ) -> Settled:
        """Write cells, move the batch on and, at its end, launch the next: all or nothing."""
        writes = [stored_write(write) for write in settlement.writes]
        with self._db.lock:
            recorded = self.record(ref, settlement.said) if settlement.said else 0
            found = self._find(ref)
            if found is None:
                return Settled(won=False, recorded=recorded)
            run, batch = found
            report = self._db.write(run.table, writes)
            run.counts += settlement.counts
            batch.phase, batch.wave = settlement.phase, settlement.wave
            batch.lease_until, batch.unopened = self._lease(lease_s), 1
            deferred = self._defer(run, batch, settlement.deferred, lease_s)
            settled = Settled(won=True, recorded=recorded, report=report, deferred=deferred)
            if settlement.phase is not Phase.DONE:
                return settled
            batch.end(Phase.DONE)
            finished = run.end_if_done(self._db.now())
            launched = self._launch(run, in_flight, lease_s, batch.holder)
            return replace(settled, finished=finished, launched=launched)

    def _defer(
        self, run: MemoryRun, batch: MemoryBatch, deferred: Deferred | None, lease_s: float
    ) -> tuple[BatchRef, datetime] | None:
        if deferred is None:
            return None
        later = MemoryBatch(
            len(run.batches) + 1,
            deferred.rows,
            phase=Phase.PROBE,
            attempt=batch.attempt + 1,
            ready_at=deferred.ready_at,
            lease_until=deferred.ready_at + timedelta(seconds=lease_s),
            holder=batch.holder,
            unopened=1,
        )
        run.batches.append(later)
        return run.ref(later), deferred.ready_at

    def extend_ledger(self, *, months: int) -> int:  # noqa: ARG002 - one dictionary holds them all
        """Find that nothing is to be made."""
        return 0

    def sweep(self, *, lease_s: float, max_attempts: int, limit: int = 100) -> Swept:
        """Take batches whose lease ran out or whose moment has come, under a new attempt."""
        with self._db.lock:
            due: list[tuple[RunView, BatchRef]] = []
            parked: list[MemoryRun] = []
            for run, batch in self._fallen_behind()[:limit]:
                if run.state is not RunState.RUNNING:
                    batch.end(Phase.CANCELLED)
                elif self._take(batch, lease_s, max_attempts):
                    due.append((run.view(), run.ref(batch)))
                else:
                    parked.append(run)
            ended = [run.end_if_done(self._db.now()) for run in parked]
            finished = tuple(one for one in ended if one is not None)
            return Swept(due=tuple(due), parked=len(parked), finished=finished)

    def _fallen_behind(self) -> list[tuple[MemoryRun, MemoryBatch]]:
        now = self._db.now()
        return [
            (run, batch)
            for run in self._db.runs.values()
            for batch in run.batches
            if batch.phase in OPEN_PHASES and _is_due(run, batch, now)
        ]

    def _take(self, batch: MemoryBatch, lease_s: float, max_attempts: int) -> bool:
        if batch.phase is not Phase.QUEUED:
            batch.attempt, batch.lost = batch.attempt + 1, batch.lost + 1
            if batch.lost >= max_attempts:
                reason = f"its lease ran out {max_attempts} times, last in {batch.phase.value}"
                batch.end(Phase.PARKED, reason)
                return False
        else:
            batch.phase = Phase.PROBE
        batch.ready_at = None
        batch.launch(self._lease(lease_s), self._holder)
        return True

    def let_go(self, holder: str, *, is_lost: bool) -> int:
        """End the leases of the batches in a process's hands, and their attempts."""
        with self._db.lock:
            now = self._db.now()
            batches = (batch for run in self._db.runs.values() for batch in run.batches)
            mine = [one for one in batches if holder and one.is_held_by(holder, now)]
            for batch in mine:
                batch.let_go(now, is_lost=is_lost)
            return len(mine)

    def summary(self, tenant: str, run_id: int) -> RunSummary:
        """Tell how a run stands. Raises `UnknownNameError`."""
        with self._db.lock:
            return self._told(self._run(tenant, run_id), is_alone=True)

    def runs(
        self, tenant: str, *, limit: int = 50, before: int | None = None
    ) -> tuple[RunSummary, ...]:
        """List a tenant's newest runs, or those older than the run `before`."""
        with self._db.lock:
            newest = sorted(self._db.runs.values(), key=lambda run: -run.id)
            older = [run for run in newest if before is None or run.id < before]
            mine = [run for run in older if run.new.tenant == tenant]
            return tuple(self._told(run, is_alone=False) for run in mine[:limit])

    def _told(self, run: MemoryRun, *, is_alone: bool) -> RunSummary:
        """Tell how a run stands; of one that has ended the cost is what the books say."""
        summary = run.summary()
        is_done = is_alone and run.state is RunState.DONE
        if run.state is not RunState.CANCELLED and not is_done:
            return summary
        booked = sum(c.cost for calls in self._db.paid.values() for c in calls if c.run == run.id)
        return replace(summary, counts=replace(summary.counts, cost_microcredits=booked))

    def skipped(self, tenant: str, run_id: int, reason: str) -> tuple[str, ...]:
        """Name the providers that a run did not ask about some row for this reason."""
        with self._db.lock:
            run = self._db.runs.get(run_id)
            is_mine = run is not None and run.new.tenant == tenant
            return skipped_by(self._db, run_id, reason) if is_mine else ()

    def ended(self, run_id: int) -> Finished | None:
        """Give a run that has ended, whenever that was; None while it is under way or gone."""
        with self._db.lock:
            run = self._db.runs.get(run_id)
            return run.finished() if run and run.state is not RunState.RUNNING else None

    def cancel(self, tenant: str, run_id: int) -> bool:
        """Stop a run: its batches end, late results change nothing. False when it had ended."""
        with self._db.lock:
            run = self._run(tenant, run_id)
            if run.state is not RunState.RUNNING:
                return False
            for batch in run.batches:
                if batch.phase in OPEN_PHASES:
                    batch.end(Phase.CANCELLED)
            run.state, run.finished_at = RunState.CANCELLED, self._db.now()
            return True

    def retry(
        self, tenant: str, run_id: int, *, in_flight: int, lease_s: float
    ) -> tuple[BatchRef, ...]:
        """Take up a run's parked batches again, with their attempts forgotten."""
        with self._db.lock:
            run = self._run(tenant, run_id)
            parked = [batch for batch in run.batches if batch.phase is Phase.PARKED]
            if run.state is RunState.CANCELLED or not parked:
                return ()
            for batch in parked:
                batch.phase, batch.wave, batch.reason = Phase.QUEUED, 0, ""
                batch.attempt, batch.lost = batch.attempt + 1, 0
            run.state, run.finished_at = RunState.RUNNING, None
            return self._launch(run, in_flight, lease_s, self._holder)

    def evidence(self, tenant: str, table: str, key: str) -> tuple[tuple[int, Response], ...]:
        """Give all that was ever said about a row, newest first, with the run's id."""
        with self._db.lock:
            found = self._db.tables.get((tenant, table))
            if found is None or key not in found.ids:
                raise UnknownNameError("row", key, within=f"table {table!r}")
            return said_of(self._db, found.ids[key])

    def _launch(
        self, run: MemoryRun, in_flight: int, lease_s: float, holder: str
    ) -> tuple[BatchRef, ...]:
        now = self._db.now()
        free = in_flight - sum(batch.in_flight(now) for batch in run.batches)
        next_ones = [batch for batch in run.batches if batch.phase is Phase.QUEUED][: max(0, free)]
        for batch in next_ones:
            batch.phase, batch.wave, batch.unopened = Phase.PROBE, 0, 0
            batch.launch(self._lease(lease_s), holder)
        return tuple(run.ref(batch) for batch in next_ones)

    def _lease(self, lease_s: float) -> datetime:
        return self._db.now() + timedelta(seconds=lease_s)

    def _run(self, tenant: str, run_id: int) -> MemoryRun:
        run = self._db.runs.get(run_id)
        if not isinstance(run, MemoryRun) or run.new.tenant != tenant:
            raise UnknownNameError("run", str(run_id))
        return run

    def _find(self, ref: BatchRef) -> tuple[MemoryRun, MemoryBatch] | None:
        run = self._db.runs.get(ref.run_id)
        if not isinstance(run, MemoryRun) or run.state is not RunState.RUNNING:
            return None
        batch = next((b for b in run.batches if run.ref(b) == ref), None)
        return (run, batch) if batch else None


def _is_due(run: MemoryRun, batch: MemoryBatch, now: datetime) -> bool:
    if run.state is not RunState.RUNNING:
        return True
    if batch.phase is not Phase.QUEUED:
        return batch.lease_until is not None and batch.lease_until <= now
    earlier = [other for other in run.batches if other.number < batch.number]
    has_earlier = any(other.phase is Phase.QUEUED for other in earlier)
    return not has_earlier and not any(other.in_flight(now) for other in run.batches)
