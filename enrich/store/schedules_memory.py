"""Schedules in memory."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from enrich.domain.run import RunState
from enrich.domain.schedule import Schedule
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports.schedules import TAKEN, Decide, Taken
from enrich.store.codec import checked_name
from enrich.store.memory import MemoryDatabase
from enrich.store.memory_model import MemoryRun

__all__ = ["MemorySchedules"]


class MemorySchedules:
    """The port `Schedules` beside the other stores of one memory, under their lock."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._db, self._ids = database, itertools.count(1)
        self._kept: dict[tuple[str, str], Schedule] = {}
        self._taken_at: dict[int, datetime] = {}

    def add(self, schedule: Schedule) -> None:
        """Keep a new one; the port's promise."""
        checked_name("name", schedule.name)
        with self._db.lock:
            self._db.table(schedule.tenant, schedule.table)
            if (schedule.tenant, schedule.name) in self._kept:
                raise BadInputError(
                    "name", f"there is a schedule {schedule.name!r} already", hint=TAKEN
                )
            self._keep(replace(schedule, id=next(self._ids)))

    def all(self, tenant: str | None = None) -> Sequence[Schedule]:
        """List them; the port's promise."""
        with self._db.lock:
            return tuple(s for (of, _), s in sorted(self._kept.items()) if tenant in {None, of})

    def find(self, tenant: str, name: str) -> Schedule:
        """Give one; the port's promise."""
        known = {schedule.name: schedule for schedule in self.all(tenant)}
        if name not in known:
            raise UnknownNameError("schedule", name, known=tuple(known))
        return known[name]

    def revise(self, schedule: Schedule) -> None:
        """Keep another wish under its name; the port's promise."""
        with self._db.lock:
            kept = self.find(schedule.tenant, schedule.name)
            names = ("cron", "zone", "wish", "window_s", "next_at")
            self._keep(replace(kept, **{name: getattr(schedule, name) for name in names}))

    def change(self, tenant: str, name: str, *, paused: bool, next_at: datetime) -> None:
        """Pause or resume it; the port's promise."""
        with self._db.lock:
            self._keep(replace(self.find(tenant, name), paused=paused, next_at=next_at))

    def remove(self, tenant: str, name: str) -> None:
        """Forget it; the port's promise."""
        with self._db.lock:
            self.find(tenant, name)
            del self._kept[tenant, name]

    def take(
        self, now: datetime, decide: Decide, *, retake_s: float, limit: int = 100
    ) -> Sequence[Taken]:
        """Take the moments that have come; the port's promise."""
        lost = now - timedelta(seconds=retake_s)
        with self._db.lock:
            come = [s for s in self._kept.values() if self._has_come(s, now, lost)]
            come.sort(key=lambda schedule: (schedule.next_at, schedule.id))
            return tuple(one for s in come[:limit] for one in self._take(s, decide, now))

    def settle(self, taken: Taken, *, run_id: int | None, said: str) -> None:
        """Note what came of a moment; the port's promise."""
        with self._db.lock:
            kept = self._kept.get((taken.schedule.tenant, taken.schedule.name))
            due_at = taken.firing.due_at
            if kept is not None and kept.id == taken.schedule.id and kept.due_at == due_at:
                newest = kept.run_id if run_id is None else run_id
                self._keep(replace(kept, due_at=None, last_at=due_at, said=said, run_id=newest))

    def _take(self, schedule: Schedule, decide: Decide, now: datetime) -> Sequence[Taken]:
        run = self._db.runs.get(schedule.run_id or 0)
        is_running = isinstance(run, MemoryRun) and run.state is RunState.RUNNING
        firing = decide(schedule, is_running)
        if firing is None:
            return ()
        self._taken_at[schedule.id] = now
        self._keep(replace(schedule, due_at=firing.due_at, next_at=firing.next_at))
        return (Taken(schedule=schedule, firing=firing),)

    def _has_come(self, schedule: Schedule, now: datetime, lost: datetime) -> bool:
        if schedule.due_at is not None:
            return self._taken_at[schedule.id] <= lost
        return not schedule.paused and schedule.next_at <= now

    def _keep(self, schedule: Schedule) -> None:
        self._kept[schedule.tenant, schedule.name] = schedule
