"""Answers that providers send by themselves, in PostgreSQL."""

from typing import Any

from sqlalchemy import Connection, Engine, text

from enrich.domain.callback import Callback, NewCallback, Receipt, Received
from enrich.store.codec import cleaned, dumps
from enrich.store.engine import Database
from enrich.store.responses import held_rows

__all__ = ["PostgresCallbacks"]

# Who erases a row that is held waits, and then finds what was opened about it; nothing is opened
# about rows of which one is gone.
_OPEN = text(f"""
    {held_rows("CAST(:rows AS bigint[])")}
    INSERT INTO callbacks (name, tenant_id, run_id, provider, row_ids, calls, expires_at)
    SELECT :name, :tenant, :run_id, :provider, CAST(:rows AS bigint[]), CAST(:calls AS jsonb),
           now() + make_interval(secs => :wait_s)
    WHERE NOT EXISTS (SELECT FROM unnest(CAST(:rows AS bigint[])) AS asked (id)
                      WHERE NOT EXISTS (SELECT FROM rows r WHERE r.id = asked.id))
    RETURNING *, false AS is_late
""")  # noqa: S608 - the text is ours
_READ = text("""
    UPDATE callbacks SET state = CASE state WHEN 'answered' THEN 'read' ELSE state END
    WHERE name = :name AND tenant_id = :tenant
    RETURNING *, expires_at <= now() AS is_late
""")
_FIND = text("""
    SELECT name, calls ->> :call FROM callbacks
    WHERE tenant_id = :tenant AND calls ? :call ORDER BY id DESC LIMIT 1
""")
_RECEIVE = text("""
    UPDATE callbacks c
    SET state = 'answered', body = :body, content_type = :content_type, answered_at = now()
    FROM runs r
    WHERE c.name = :name AND c.state = 'open' AND c.expires_at > now()
      AND r.id = c.run_id AND r.state = 'running'
    RETURNING c.run_id, c.provider
""")
_KNOWN = text("SELECT provider FROM callbacks WHERE name = :name")
_WAKE = text("SELECT wake_answered(:run_id)")
_DROP = text("""
    DELETE FROM callbacks WHERE name = :name AND tenant_id = :tenant AND state = 'open'
""")
# A day: an answer that came in time is read whenever its batch is taken up again.
_FORGET = text("DELETE FROM callbacks WHERE expires_at < now() - interval '1 day'")
_CONTENT_TYPE_CHARS = 200


class PostgresCallbacks:
    """The port `Callbacks`."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def open(self, new: NewCallback) -> Callback | None:
        """Wait for an answer from now on; the port's promise."""
        values = {
            "name": new.name,
            "tenant": cleaned(new.tenant),
            "run_id": new.run_id,
            "provider": new.provider,
            "rows": list(new.rows),
            "calls": dumps(dict(new.calls), name="calls"),
            "wait_s": new.wait_s,
        }
        found = self._database.of(new.tenant).run(lambda c: c.execute(_OPEN, values).one_or_none())
        return None if found is None else _callback(found)

    def read(self, tenant: str, name: str) -> Callback | None:
        """Say how it stands; the port's promise."""
        named = {"tenant": cleaned(tenant), "name": cleaned(name)}
        found = self._database.of(tenant).run(lambda c: c.execute(_READ, named).one_or_none())
        return None if found is None else _callback(found)

    def find(self, tenant: str, call: str) -> tuple[str, str] | None:
        """Give the name and the row's key of what a paid call waits for; the port's promise."""
        named = {"tenant": cleaned(tenant), "call": cleaned(call)}
        found = self._database.of(tenant).run(lambda c: c.execute(_FIND, named).one_or_none())
        return None if found is None else (found[0], found[1])

    def forget(self, tenant: str, name: str) -> None:
        """Wait no longer; the port's promise."""
        named = {"tenant": cleaned(tenant), "name": cleaned(name)}
        self._database.of(tenant).run(lambda c: c.execute(_DROP, named))

    def receive(self, name: str, *, body: bytes, content_type: str) -> Received:
        """Keep what was sent, once, and wake who waits; the port's promise."""
        named = {"name": cleaned(name)}
        sent = {"body": body, "content_type": cleaned(content_type)[:_CONTENT_TYPE_CHARS]}

        def work(connection: Connection) -> Received:
            taken = connection.execute(_RECEIVE, named | sent).one_or_none()
            if taken is not None:
                woken = connection.execute(_WAKE, {"run_id": taken.run_id}).scalar_one()
                return Received(receipt=Receipt.TAKEN, provider=taken.provider, woken=woken)
            provider = connection.execute(_KNOWN, named).scalar_one_or_none()
            if provider is None:
                return Received(receipt=Receipt.UNKNOWN)
            return Received(receipt=Receipt.CLOSED, provider=provider)

        return self._database.of_all().run(work)

    def wake(self) -> int:
        """Wake batches whose answers came first, and forget what is over; the port's promise."""

        def work(connection: Connection) -> int:
            connection.execute(_FORGET)
            woken: int = connection.execute(_WAKE, {"run_id": None}).scalar_one()
            return woken

        return self._database.of_all().run(work)


def _callback(raw: Any) -> Callback:
    return Callback(
        name=raw.name,
        expires_at=raw.expires_at,
        is_late=raw.is_late,
        body=None if raw.body is None else bytes(raw.body),
        content_type=raw.content_type,
        answered_at=raw.answered_at,
    )
