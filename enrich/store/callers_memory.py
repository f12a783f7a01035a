"""Callers that share a run, in memory: for unit tests and notebooks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from enrich.domain.run import Phase, RunState
from enrich.ports.callers import REPLY_PREFIX, Looked, NewCalls, Shared, Waiting
from enrich.ports.runs import NewRun, Selection
from enrich.store.memory import MemoryDatabase
from enrich.store.memory_model import OPEN_PHASES, MemoryBatch, MemoryRun

__all__ = ["MemoryCallers"]


@dataclass(slots=True)
class _Stored:
    run_id: int
    row: int
    is_single: bool
    asked_at: datetime
    is_answered: bool


class MemoryCallers:
    """The port `Callers` in memory; give it the database of the other stores."""

    def __init__(self, database: MemoryDatabase, *, holder: str = "") -> None:
        """`holder` names this process among those that hold batches."""
        self._db, self._holder = database, holder
        self._callers: dict[str, _Stored] = {}  # under the database's lock

    def look(self, tenant: str, table: str, keys: Collection[str]) -> Looked:
        """Read columns and rows. Raises `UnknownNameError` for the table."""
        with self._db.lock:
            found = self._db.table(tenant, table)
            rows = {key: found.rows[found.ids[key]] for key in keys if key in found.ids}
            # Tables have no number here: their place among all of them stands for it.
            number = list(self._db.tables).index((tenant, table))
            return Looked(table_id=number, columns=found.ordered_columns(), rows=rows)

    def store(self, new: NewCalls, *, lease_s: float) -> Shared | None:
        """Store a run of one batch for the callers that are new; None when none of them is."""
        with self._db.lock:
            fresh = {c.id: (c, row) for c, row in new.callers if c.id not in self._callers}
            if not fresh:
                return None
            now, run = self._db.now(), self._run(new, {row for _, row in fresh.values()}, lease_s)
            for caller, row in fresh.values():
                stored = _Stored(run.id, row, caller.is_single, now, not caller.waits)
                self._callers[caller.id] = stored
            return Shared(run_id=run.id, ids=frozenset(fresh))

    def _run(self, new: NewCalls, rows: Collection[int], lease_s: float) -> MemoryRun:
        number, now = next(self._db.stamps), self._db.now()
        (tenant, name), table = list(self._db.tables.items())[new.table_id]
        stored = NewRun(
            tenant=tenant,
            table=name,
            wanted=new.wanted,
            selection=Selection(),
            options=new.options,
            batch_rows=len(rows),
            reply_to=f"{REPLY_PREFIX}{number}",
        )
        run = MemoryRun(number, stored, table, now, len(rows))
        until = now + timedelta(seconds=lease_s)
        run.batches.append(
            MemoryBatch(
                1, tuple(sorted(rows)), phase=Phase.PROBE, lease_until=until, holder=self._holder
            )
        )
        self._db.runs[number] = run
        return run

    def waiting(self, run_id: int) -> tuple[Waiting, ...]:
        """Give those of a run's callers who have no answer and whose row nobody works on."""
        with self._db.lock:
            mine = {key: one for key, one in self._callers.items() if one.run_id == run_id}
            return tuple(self._waiting(key, one) for key, one in mine.items() if self._waits(one))

    def overdue(self, *, older_than_s: float, limit: int = 500) -> tuple[Waiting, ...]:
        """Give such callers of any run who have waited for so long, the oldest first."""
        with self._db.lock:
            before = self._db.now() - timedelta(seconds=older_than_s)
            old = [(k, one) for k, one in self._callers.items() if one.asked_at < before]
            late = sorted(
                ((key, one) for key, one in old if self._waits(one)),
                key=lambda pair: pair[1].asked_at,
            )
            return tuple(self._waiting(key, one) for key, one in late[:limit])

    def answered(self, tenant: str, ids: Collection[str]) -> None:
        """Write down that these callers of a tenant's have their answers."""
        with self._db.lock:
            for one in (self._callers[key] for key in ids if key in self._callers):
                one.is_answered |= self._db.runs[one.run_id].new.tenant == tenant

    def purge(self, *, older_than_s: float, limit: int = 10_000) -> int:
        """Forget answered callers who asked longer ago than that; gives how many."""
        with self._db.lock:
            before = self._db.now() - timedelta(seconds=older_than_s)
            old = [
                key
                for key, one in self._callers.items()
                if one.is_answered and one.asked_at < before
            ][:limit]
            for key in old:
                del self._callers[key]
            return len(old)

    def _waits(self, one: _Stored) -> bool:
        run: MemoryRun = self._db.runs[one.run_id]
        is_open = run.state is RunState.RUNNING and any(
            batch.phase in OPEN_PHASES and one.row in batch.rows for batch in run.batches
        )
        return not one.is_answered and not is_open

    def _waiting(self, key: str, one: _Stored) -> Waiting:
        run: MemoryRun = self._db.runs[one.run_id]
        row = run.table.rows.get(one.row)
        return Waiting(
            id=key,
            run_id=run.id,
            tenant=run.new.tenant,
            table=run.new.table,
            row=row.key if row else "",
            columns=run.new.wanted,
            is_single=one.is_single,
            is_cancelled=run.state is RunState.CANCELLED,
        )
