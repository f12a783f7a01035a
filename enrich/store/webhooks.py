"""Webhooks and their messages in PostgreSQL; secrets sealed as the keys of providers are."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, text

from enrich.domain.secret import Secret
from enrich.domain.values import JsonObject
from enrich.domain.webhook import Delivery, Webhook
from enrich.errors import UnknownNameError
from enrich.store.codec import checked_name, cleaned, dumps
from enrich.store.credentials import kept_or_shut
from enrich.store.engine import Database
from enrich.store.sealing import Sealer

__all__ = ["PostgresWebhooks"]

_SEALED_AS = "webhook"

_ADD = text("""
    WITH tenant AS (INSERT INTO tenants (id) VALUES (:tenant) ON CONFLICT DO NOTHING)
    INSERT INTO webhooks (id, tenant_id, url, sealed)
    VALUES (CAST(:id AS uuid), :tenant, :url, :sealed) RETURNING *
""")
_ALL = text("SELECT * FROM webhooks WHERE tenant_id = :tenant ORDER BY created_at, id")
_REMOVE = text("DELETE FROM webhooks WHERE tenant_id = :tenant AND id = CAST(:id AS uuid)")
#: Two who tell the same end at once do so one after the other: the second sees the first's message.
_HELD_RUN = text("SELECT FROM runs WHERE id = :run FOR NO KEY UPDATE")
_NOTE_RUN = text("""
    INSERT INTO deliveries (webhook_id, event, body)
    SELECT w.id, 'run.finished', CAST(:body AS jsonb)
    FROM runs r JOIN webhooks w ON w.tenant_id = r.tenant_id
    WHERE r.id = :run AND NOT EXISTS (
        SELECT FROM deliveries d WHERE d.webhook_id = w.id AND d.event = 'run.finished'
          AND d.body -> 'run' ->> 'run_id' = CAST(r.id AS text)
          AND d.body -> 'run' -> 'finished_at' = CAST(:body AS jsonb) -> 'run' -> 'finished_at')
""")
_LISTENERS = text("""
    SELECT tenant_id, (SELECT count(*) FROM webhooks w WHERE w.tenant_id = r.tenant_id)
    FROM runs r WHERE id = :run
""")
_WHOLE = """
    SELECT d.*, w.tenant_id, w.url, w.sealed
    FROM {deliveries} d JOIN webhooks w ON w.id = d.webhook_id
"""
_TAKE = text(f"""
    WITH taken AS (
        UPDATE deliveries SET attempts = attempts + 1, updated_at = now(),
            due_at = now() + make_interval(secs => :lease_s)
        WHERE id IN (
            SELECT id FROM deliveries WHERE state = 'waiting' AND due_at <= now()
            ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING *)
    {_WHOLE.format(deliveries="taken")}
""")  # noqa: S608 - a part of the query, no value
_NOTE = text("""
    UPDATE deliveries SET reason = :reason, updated_at = now(),
        state = CASE WHEN :reason = '' THEN 'delivered'
                     WHEN CAST(:retry_s AS double precision) IS NULL THEN 'dead'
                     ELSE 'waiting' END,
        due_at = now() + make_interval(secs => coalesce(:retry_s, 0))
    WHERE id = :id AND state = 'waiting'
""")
_LIST = text(f"""
    {_WHOLE.format(deliveries="deliveries")}
    WHERE w.tenant_id = :tenant AND w.id = CAST(:id AS uuid)
      AND (CAST(:before AS bigint) IS NULL OR d.id < :before)
    ORDER BY d.id DESC LIMIT :limit
""")
_KNOWN = text("SELECT FROM webhooks WHERE tenant_id = :tenant AND id = CAST(:id AS uuid)")
_REPLAY = text("""
    UPDATE deliveries d SET state = 'waiting', attempts = 0, due_at = now(), reason = ''
    FROM webhooks w WHERE w.id = d.webhook_id AND w.tenant_id = :tenant AND d.id = :id
""")


class PostgresWebhooks:
    """The port `Webhooks`."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._database, self._sealer = Database(engine), sealer

    def add(self, tenant: str, url: str, secret: Secret) -> Webhook:
        """Keep a webhook; the port's promise."""
        webhook = str(uuid4())
        values = {
            "id": webhook,
            "tenant": checked_name("tenant", tenant),
            "url": cleaned(url),
            "sealed": self._sealer.seal(tenant, _SEALED_AS, webhook, secret),
        }
        return _webhook(
            self._database.of(tenant).run(lambda c: c.execute(_ADD, values).mappings().one())
        )

    def all(self, tenant: str) -> Sequence[Webhook]:
        """List a tenant's webhooks; the port's promise."""
        found = self._database.of(tenant).run(
            lambda c: c.execute(_ALL, {"tenant": tenant}).mappings().all()
        )
        return tuple(map(_webhook, found))

    def remove(self, tenant: str, webhook: str) -> bool:
        """Forget a webhook; the port's promise."""
        values = {"tenant": tenant, "id": _uuid(webhook)}
        return self._database.of(tenant).run(lambda c: c.execute(_REMOVE, values).rowcount == 1)

    def listeners(self, run: int) -> tuple[str, int]:
        """Give whose run it is and who listens; the port's promise."""
        found = self._database.of_run(run).do(
            lambda c: c.execute(_LISTENERS, {"run": run}).one_or_none()
        )
        return (found[0], found[1]) if found else ("", 0)

    def note_run(self, run: int, report: JsonObject) -> int:
        """Put down that a run has ended; the port's promise."""
        values = {"run": run, "body": dumps({"run": report}, name="report")}

        def work(connection: Connection) -> int:
            connection.execute(_HELD_RUN, values)
            return connection.execute(_NOTE_RUN, values).rowcount

        return self._database.of_run(run).run(work)

    def take_due(self, *, lease_s: float, limit: int = 50) -> Sequence[Delivery]:
        """Take messages whose moment has come; the port's promise."""
        asked = {"lease_s": lease_s, "limit": limit}
        found = self._database.of_all().run(lambda c: c.execute(_TAKE, asked).mappings().all())
        return tuple(self._delivery(raw) for raw in found)

    def note(self, tenant: str, delivery: int, *, reason: str, retry_s: float | None) -> None:
        """Say how a message went; the port's promise."""
        values = {"id": delivery, "reason": cleaned(reason), "retry_s": retry_s}
        self._database.of(tenant).run(lambda c: c.execute(_NOTE, values))

    def deliveries(
        self, tenant: str, webhook: str, *, limit: int, before: int | None = None
    ) -> Sequence[Delivery]:
        """List a webhook's messages; the port's promise."""
        asked = {"tenant": tenant, "id": _uuid(webhook), "limit": limit, "before": before}
        found = self._database.of(tenant).run(lambda c: c.execute(_LIST, asked).mappings().all())
        if not found and not self._database.of(tenant).run(
            lambda c: c.execute(_KNOWN, asked).one_or_none()
        ):
            raise UnknownNameError("webhook", webhook)
        return tuple(self._delivery(raw) for raw in found)

    def replay(self, tenant: str, delivery: int) -> bool:
        """Send a message again; the port's promise."""
        values = {"tenant": tenant, "id": delivery}
        return self._database.of(tenant).run(lambda c: c.execute(_REPLAY, values).rowcount == 1)

    def _delivery(self, raw: Mapping[Any, Any]) -> Delivery:
        kept = kept_or_shut(
            self._sealer,
            tenant=raw["tenant_id"],
            credential=_SEALED_AS,
            name=str(raw["webhook_id"]),
            sealed=raw["sealed"],
            created_at=raw["created_at"],
        )
        return Delivery(
            id=raw["id"],
            tenant=raw["tenant_id"],
            webhook=str(raw["webhook_id"]),
            url=raw["url"],
            secret=kept.secret,
            event=raw["event"],
            body=raw["body"],
            state=raw["state"],
            attempts=raw["attempts"],
            reason=raw["reason"],
            created_at=raw["created_at"],
        )


def _uuid(webhook: str) -> str:
    try:
        return str(UUID(webhook))
    except ValueError:
        raise UnknownNameError("webhook", webhook) from None


def _webhook(raw: Mapping[Any, Any]) -> Webhook:
    return Webhook(
        id=str(raw["id"]), tenant=raw["tenant_id"], url=raw["url"], created_at=raw["created_at"]
    )
