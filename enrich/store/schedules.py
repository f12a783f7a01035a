"""Schedules in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from enrich.domain.schedule import Schedule
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports.schedules import TAKEN, Decide, Taken
from enrich.store.codec import checked_name, cleaned, dumps
from enrich.store.engine import Database
from enrich.store.tables import find_table

__all__ = ["PostgresSchedules"]

_ADD = text("""
    INSERT INTO schedules (tenant_id, table_id, name, cron, zone, wish, window_s, paused, next_at)
    VALUES (:tenant, :table_id, :name, :cron, :zone, CAST(:wish AS jsonb), :window_s, :paused,
            :next_at)
    ON CONFLICT (tenant_id, name) DO NOTHING
""")
_SCHEDULES = """
    SELECT s.*, t.name AS table_name, EXISTS (
        SELECT FROM runs r WHERE r.id = s.run_id AND r.state = 'running') AS is_running
    FROM schedules s JOIN tables t ON t.id = s.table_id
"""
_ALL = text(f"""{_SCHEDULES}
    WHERE CAST(:tenant AS text) IS NULL OR s.tenant_id = :tenant ORDER BY s.tenant_id, s.name
""")
_CHANGE = text("""
    UPDATE schedules SET paused = :paused, next_at = :next_at
    WHERE tenant_id = :tenant AND name = :name
""")
_REVISE = text("""
    UPDATE schedules SET cron = :cron, zone = :zone, wish = CAST(:wish AS jsonb),
        window_s = :window_s, next_at = :next_at
    WHERE tenant_id = :tenant AND name = :name
""")
_REMOVE = text("DELETE FROM schedules WHERE tenant_id = :tenant AND name = :name")
# Whoever comes second passes over the row, and finds its next moment in the future.
_COME = text(f"""{_SCHEDULES}
    WHERE (s.due_at IS NULL AND NOT s.paused AND s.next_at <= :now)
       OR (s.due_at IS NOT NULL AND s.claimed_at <= :now - make_interval(secs => :retake_s))
    ORDER BY s.next_at, s.id LIMIT :limit FOR UPDATE OF s SKIP LOCKED
""")
_TAKE = text("""
    UPDATE schedules SET due_at = :due_at, next_at = :next_at, claimed_at = :now WHERE id = :id
""")
_SETTLE = text("""
    UPDATE schedules SET due_at = NULL, claimed_at = NULL, last_at = :due_at, said = :said,
        run_id = coalesce(CAST(:run_id AS bigint), run_id)
    WHERE id = :id AND due_at = :due_at
""")


class PostgresSchedules:
    """The port `Schedules` on a table of its own."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def add(self, schedule: Schedule) -> None:
        """Keep a new one; the port's promise."""
        values = {
            "tenant": schedule.tenant,
            "name": checked_name("name", schedule.name),
            "paused": schedule.paused,
            **_wished(schedule),
        }

        def work(connection: Connection) -> bool:
            table = find_table(connection, schedule.tenant, schedule.table)
            return connection.execute(_ADD, {**values, "table_id": table.id}).rowcount == 1

        if not self._database.of(schedule.tenant).run(work):
            raise BadInputError(
                "name", f"there is a schedule {schedule.name!r} already", hint=TAKEN
            )

    def all(self, tenant: str | None = None) -> Sequence[Schedule]:
        """List them; the port's promise."""
        found = self._database.of_one_or_all(tenant).run(
            lambda c: c.execute(_ALL, {"tenant": tenant}).mappings().all()
        )
        return tuple(_schedule(raw) for raw in found)

    def find(self, tenant: str, name: str) -> Schedule:
        """Give one; the port's promise."""
        known = {schedule.name: schedule for schedule in self.all(tenant)}
        if name not in known:
            raise UnknownNameError("schedule", name, known=tuple(known))
        return known[name]

    def revise(self, schedule: Schedule) -> None:
        """Keep another wish under its name; the port's promise."""
        tenant, name = schedule.tenant, schedule.name
        values = {**_named(tenant, name), **_wished(schedule)}
        if not self._database.of(tenant).run(lambda c: c.execute(_REVISE, values).rowcount):
            self.find(tenant, name)

    def change(self, tenant: str, name: str, *, paused: bool, next_at: datetime) -> None:
        """Pause or resume it; the port's promise."""
        values = {**_named(tenant, name), "paused": paused, "next_at": next_at}
        if not self._database.of(tenant).run(lambda c: c.execute(_CHANGE, values).rowcount):
            self.find(tenant, name)

    def remove(self, tenant: str, name: str) -> None:
        """Forget it; the port's promise."""
        if not self._database.of(tenant).run(
            lambda c: c.execute(_REMOVE, _named(tenant, name)).rowcount
        ):
            self.find(tenant, name)

    def take(
        self, now: datetime, decide: Decide, *, retake_s: float, limit: int = 100
    ) -> Sequence[Taken]:
        """Take the moments that have come; the port's promise."""
        asked = {"now": now, "retake_s": retake_s, "limit": limit}

        def work(connection: Connection) -> tuple[Taken, ...]:
            come = connection.execute(_COME, asked).mappings().all()
            return tuple(taken for raw in come for taken in _taken(connection, raw, decide, now))

        return self._database.of_all().run(work)

    def settle(self, taken: Taken, *, run_id: int | None, said: str) -> None:
        """Note what came of a moment; the port's promise."""
        values = {
            "id": taken.schedule.id,
            "due_at": taken.firing.due_at,
            "run_id": run_id,
            "said": cleaned(said),
        }
        self._database.of(taken.schedule.tenant).run(
            lambda connection: connection.execute(_SETTLE, values)
        )


def _taken(
    connection: Connection, raw: Mapping[Any, Any], decide: Decide, now: datetime
) -> Sequence[Taken]:
    schedule = _schedule(raw)
    firing = decide(schedule, raw["is_running"])
    if firing is None:
        return ()
    moment = {"due_at": firing.due_at, "next_at": firing.next_at, "now": now, "id": schedule.id}
    connection.execute(_TAKE, moment)
    return (Taken(schedule=schedule, firing=firing),)


def _wished(schedule: Schedule) -> dict[str, Any]:
    return {
        "cron": schedule.cron,
        "zone": schedule.zone,
        "wish": dumps(schedule.wish, name="wish"),
        "window_s": schedule.window_s,
        "next_at": schedule.next_at,
    }


def _named(tenant: str, name: str) -> dict[str, Any]:
    return {"tenant": cleaned(tenant), "name": cleaned(name)}


def _schedule(raw: Mapping[Any, Any]) -> Schedule:
    return Schedule(
        id=raw["id"],
        tenant=raw["tenant_id"],
        table=raw["table_name"],
        name=raw["name"],
        cron=raw["cron"],
        zone=raw["zone"],
        wish=raw["wish"],
        window_s=raw["window_s"],
        paused=raw["paused"],
        next_at=raw["next_at"],
        due_at=raw["due_at"],
        run_id=raw["run_id"],
        last_at=raw["last_at"],
        said=raw["said"],
    )
