"""Callers that share a run, in PostgreSQL."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Engine, text

from enrich.errors import UnknownNameError
from enrich.ports.callers import REPLY_PREFIX, Looked, NewCalls, Shared, Waiting
from enrich.store.codec import cleaned, dumps, row_from_json
from enrich.store.columns import columns_from_json
from enrich.store.engine import Database
from enrich.store.run_codec import options_to_json

__all__ = ["PostgresCallers"]

_LOOK = text("""
    SELECT t.id,
           coalesce((SELECT jsonb_agg(to_jsonb(c) ORDER BY c.position, c.key)
                     FROM columns c WHERE c.table_id = t.id), '[]') AS columns,
           (SELECT json_agg(json_build_object(
                'id', r.id, 'key', r.key, 'data', r.data, 'cells', r.cells))
            FROM rows r
            WHERE r.table_id = t.id AND r.key = ANY (CAST(:keys AS text[]))) AS rows
    FROM tables t WHERE t.tenant_id = :tenant AND t.name = :name
""")
_NAMES = text("SELECT name FROM tables WHERE tenant_id = :tenant ORDER BY name")

# In the order of ids for everybody, as two that store the same callers wait for each other.
_STORE = text("""
    WITH number AS MATERIALIZED (SELECT nextval('stamps') AS id),
    mine AS (
        INSERT INTO callers (id, run_id, row_id, is_single, answered_at)
        SELECT a.id, n.id, a.row_id, a.is_single, CASE WHEN NOT a.waits THEN now() END
        FROM number n, unnest(
            CAST(:ids AS text[]), CAST(:rows AS bigint[]),
            CAST(:singles AS boolean[]), CAST(:waits AS boolean[])
        ) AS a (id, row_id, is_single, waits)
        ORDER BY a.id
        ON CONFLICT DO NOTHING
        RETURNING id, row_id),
    run AS (
        INSERT INTO runs (id, tenant_id, table_id, wanted, options, reply_to, state,
                          rows_total, batches_total)
        SELECT n.id, :tenant, :table_id, :wanted, CAST(:options AS jsonb),
               CAST(:prefix AS text) || n.id, 'running', count(DISTINCT m.row_id), 1
        FROM number n, mine m GROUP BY n.id
        RETURNING id),
    cut AS (
        INSERT INTO batches (run_id, number, phase, row_ids, lease_until, holder)
        SELECT r.id, 1, 'probe',
               (SELECT array_agg(DISTINCT m.row_id ORDER BY m.row_id) FROM mine m),
               now() + make_interval(secs => :lease_s), :holder
        FROM run r)
    SELECT r.id, ARRAY(SELECT m.id FROM mine m) AS ids FROM run r
""")

_WAITING = """
    SELECT c.id, c.run_id, r.tenant_id, t.name AS table_name, coalesce(w.key, '') AS row,
           r.wanted, c.is_single, r.state = 'cancelled' AS is_cancelled
    FROM callers c JOIN runs r ON r.id = c.run_id JOIN tables t ON t.id = r.table_id
    LEFT JOIN rows w ON w.id = c.row_id
    WHERE c.answered_at IS NULL AND {which}
      AND NOT EXISTS (
          SELECT FROM batches b
          WHERE b.run_id = c.run_id AND b.phase IN ('queued', 'probe', 'premium')
            AND r.state = 'running' AND c.row_id = ANY (b.row_ids))
"""
_OF_RUN = text(_WAITING.format(which="c.run_id = :run_id"))
_OVERDUE = text(
    _WAITING.format(which="c.asked_at < now() - make_interval(secs => :older_s)")
    + " ORDER BY c.asked_at LIMIT :limit"
)
_ANSWERED = text("""
    WITH mine AS MATERIALIZED (
        SELECT id FROM callers WHERE id = ANY (CAST(:ids AS text[])) ORDER BY id FOR UPDATE)
    UPDATE callers c SET answered_at = now() FROM mine WHERE c.id = mine.id
""")
_PURGE = text("""
    DELETE FROM callers WHERE id IN (
        SELECT id FROM callers
        WHERE asked_at < now() - make_interval(secs => :older_s) AND answered_at IS NOT NULL
        LIMIT :limit FOR UPDATE SKIP LOCKED)
""")


class PostgresCallers:
    """The port `Callers` on PostgreSQL."""

    def __init__(self, engine: Engine, *, holder: str = "") -> None:
        """`holder` names this process among those that hold batches."""
        self._database, self._holder = Database(engine), holder

    def look(self, tenant: str, table: str, keys: Collection[str]) -> Looked:
        """Read columns and rows, in one round trip. Raises `UnknownNameError` for the table."""
        named = {"tenant": cleaned(tenant), "name": cleaned(table)}
        asked = {key: cleaned(key) for key in keys}
        found = self._database.of(tenant).do(
            lambda c: (
                c.execute(_LOOK, {**named, "keys": list(asked.values())}).mappings().one_or_none()
            )
        )
        if found is None:
            known = self._database.of(tenant).do(lambda c: c.execute(_NAMES, named).scalars().all())
            raise UnknownNameError("table", table, known=tuple(known))
        rows = {raw["key"]: row_from_json(raw) for raw in found["rows"] or ()}
        return Looked(
            table_id=found["id"],
            columns=columns_from_json(found["columns"]),
            rows={key: rows[stored] for key, stored in asked.items() if stored in rows},
        )

    def store(self, new: NewCalls, *, lease_s: float) -> Shared | None:
        """Store a run of one batch for the callers that are new; None when none of them is."""
        callers = [caller for caller, _ in new.callers]
        asked = {
            "tenant": cleaned(new.tenant),
            "table_id": new.table_id,
            "wanted": list(new.wanted),
            "options": dumps(options_to_json(new.options), name="options"),
            "prefix": REPLY_PREFIX,
            "lease_s": lease_s,
            "holder": self._holder,
            "ids": [cleaned(caller.id) for caller in callers],
            "rows": [row for _, row in new.callers],
            "singles": [caller.is_single for caller in callers],
            "waits": [caller.waits for caller in callers],
        }
        found = self._database.of(new.tenant).do(lambda c: c.execute(_STORE, asked).one_or_none())
        if found is None:
            return None
        return Shared(run_id=found.id, ids=frozenset(found.ids))

    def waiting(self, run_id: int) -> tuple[Waiting, ...]:
        """Give those of a run's callers who have no answer and whose row nobody works on."""
        found = self._database.of_run(run_id).do(
            lambda c: c.execute(_OF_RUN, {"run_id": run_id}).mappings().all()
        )
        return tuple(_waiting(raw) for raw in found)

    def overdue(self, *, older_than_s: float, limit: int = 500) -> tuple[Waiting, ...]:
        """Give such callers of any run who have waited for so long, the oldest first."""
        asked = {"older_s": older_than_s, "limit": limit}
        found = self._database.of_all().do(lambda c: c.execute(_OVERDUE, asked).mappings().all())
        return tuple(_waiting(raw) for raw in found)

    def answered(self, tenant: str, ids: Collection[str]) -> None:
        """Write down that these callers of a tenant's have their answers."""
        if ids:
            asked = {"ids": sorted(cleaned(one) for one in ids)}
            self._database.of(tenant).do(lambda c: c.execute(_ANSWERED, asked))

    def purge(self, *, older_than_s: float, limit: int = 10_000) -> int:
        """Forget answered callers who asked longer ago than that; gives how many."""
        asked = {"older_s": older_than_s, "limit": limit}
        return self._database.of_all().do(lambda c: c.execute(_PURGE, asked).rowcount)


def _waiting(raw: Mapping[Any, Any]) -> Waiting:
    return Waiting(
        id=raw["id"],
        run_id=raw["run_id"],
        tenant=raw["tenant_id"],
        table=raw["table_name"],
        row=raw["row"],
        columns=tuple(raw["wanted"]),
        is_single=raw["is_single"],
        is_cancelled=raw["is_cancelled"],
    )
