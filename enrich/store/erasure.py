"""Erasure in PostgreSQL, and the line that remains of it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, text

from enrich.domain.values import Json, JsonObject
from enrich.ports.callers import CALLER_PREFIX, REPLY_PREFIX
from enrich.ports.erasure import Noted
from enrich.store.codec import cleaned, dumps
from enrich.store.engine import Database

__all__ = ["PostgresErasure"]

_SUBJECTS = text("""
    SELECT name, key FROM (
        SELECT t.name, r.key, r.id AS place FROM rows r JOIN tables t ON t.id = r.table_id
        WHERE t.tenant_id = :tenant AND (CAST(:table AS text) IS NULL OR t.name = :table)
          AND r.data ->> :column = :value
        UNION ALL
        SELECT q.table_name, q.row_key, NULL FROM requests q
        WHERE q.tenant_id = :tenant AND (CAST(:table AS text) IS NULL OR q.table_name = :table)
          AND q.state = 'waiting' AND q.data ->> :column = :value) AS found
    GROUP BY name, key ORDER BY min(place), name, key
""")
_WAITING_PROFILES = text("""
    SELECT candidate_id, payload FROM jobs
    WHERE tenant_id = :tenant AND state = 'queued' AND payload IS NOT NULL ORDER BY candidate_id
""")
_ERASE_REQUESTS = text("""
    DELETE FROM requests WHERE tenant_id = :tenant AND table_name = :table AND row_key = :key
""")
_ERASE_JOBS = text("DELETE FROM jobs WHERE tenant_id = :tenant AND candidate_id = :candidate")
_WAITING = text("""
    SELECT u.reply_to FROM rows r JOIN tables t ON t.id = r.table_id
        JOIN runs u ON u.table_id = t.id
    WHERE t.tenant_id = :tenant AND t.name = :table AND r.key = :key
      AND u.reply_to <> '' AND NOT starts_with(u.reply_to, :shared)
      AND EXISTS (SELECT FROM batches b WHERE b.run_id = u.id AND r.id = ANY (b.row_ids))
    UNION ALL
    SELECT CAST(:caller AS text) || c.id FROM rows r JOIN tables t ON t.id = r.table_id
        JOIN runs u ON u.table_id = t.id JOIN callers c ON c.run_id = u.id AND c.row_id = r.id
    WHERE t.tenant_id = :tenant AND t.name = :table AND r.key = :key
""")
_NOTE = text("""
    INSERT INTO audit (tenant_id, actor, action, details)
    VALUES (:tenant, :actor, :action, CAST(:details AS jsonb))
""")
_NOTED = text("""
    SELECT id, created_at, actor, action, details FROM audit
    WHERE tenant_id = :tenant AND (CAST(:before AS bigint) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
""")


class PostgresErasure:
    """The port `Erasure`."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def subjects(
        self, tenant: str, column: str, value: str, *, table: str | None = None
    ) -> Sequence[tuple[str, str]]:
        """Name the rows of a subject; the port's promise."""
        asked = {
            "tenant": tenant,
            "table": table,
            "column": cleaned(column),
            "value": cleaned(value),
        }
        found = self._database.of(tenant).run(lambda c: c.execute(_SUBJECTS, asked).all())
        return tuple((row.name, row.key) for row in found)

    def erase_jobs(self, tenant: str, candidate: str) -> int:
        """Remove a candidate's jobs; the port's promise."""
        named = {"tenant": tenant, "candidate": cleaned(candidate)}
        return self._database.of(tenant).run(lambda c: c.execute(_ERASE_JOBS, named).rowcount)

    def waiting_profiles(self, tenant: str) -> Sequence[tuple[str, JsonObject]]:
        """Give the profiles of jobs that have not begun; the port's promise."""
        found = self._database.of(tenant).run(
            lambda c: c.execute(_WAITING_PROFILES, {"tenant": tenant}).all()
        )
        return tuple((row.candidate_id, row.payload) for row in found)

    def erase_requests(self, tenant: str, table: str, key: str) -> int:
        """Remove a row's requests by SQL; the port's promise."""
        named = {"tenant": tenant, "table": cleaned(table), "key": cleaned(key)}
        return self._database.of(tenant).run(lambda c: c.execute(_ERASE_REQUESTS, named).rowcount)

    def waiting(self, tenant: str, table: str, key: str) -> Sequence[str]:
        """Give who waited for a row's values; the port's promise."""
        named = {"tenant": tenant, "table": cleaned(table), "key": cleaned(key)}
        named |= {"shared": REPLY_PREFIX, "caller": CALLER_PREFIX}
        return tuple(
            self._database.of(tenant).run(lambda c: c.execute(_WAITING, named).scalars().all())
        )

    def note(self, tenant: str, actor: str, action: str, details: Mapping[str, Json]) -> None:
        """Write down what was done; the port's promise."""
        values = {
            "tenant": tenant,
            "actor": actor,
            "action": action,
            "details": dumps(dict(details), name="details"),
        }
        self._database.of(tenant).run(lambda c: c.execute(_NOTE, values))

    def noted(self, tenant: str, *, limit: int = 50, before: int | None = None) -> Sequence[Noted]:
        """Give lines of the audit; the port's promise."""
        asked = {"tenant": tenant, "limit": limit, "before": before}
        found = self._database.of(tenant).run(lambda c: c.execute(_NOTED, asked).all())
        return tuple(
            Noted(
                id=raw.id,
                at=raw.created_at,
                actor=raw.actor,
                action=raw.action,
                details=raw.details,
            )
            for raw in found
        )
