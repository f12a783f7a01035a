"""The keys of providers in PostgreSQL, sealed."""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, text

from enrich.domain.secret import Secret
from enrich.errors import SealedError
from enrich.ports.credentials import KeptCredential
from enrich.store.codec import checked_name
from enrich.store.engine import Database
from enrich.store.sealing import Sealer

__all__ = ["PostgresCredentialStore", "kept_or_shut"]

log = logging.getLogger("enrich.store")

_ADD = text("""
    WITH tenant AS (INSERT INTO tenants (id) VALUES (:tenant) ON CONFLICT DO NOTHING)
    INSERT INTO credentials (tenant_id, credential, name, sealed)
    VALUES (:tenant, :credential, :name, :sealed)
    ON CONFLICT (tenant_id, credential, name) DO UPDATE
    SET sealed = excluded.sealed, created_at = now()
    RETURNING xmax = 0 AS is_new
""")
_SELECT = "SELECT id, tenant_id AS tenant, credential, name, sealed, created_at FROM credentials"
_OF_TENANT = text(f"{_SELECT} WHERE tenant_id = :tenant AND credential = :credential ORDER BY id")
_ALL = text(f"""{_SELECT} WHERE CAST(:tenant AS text) IS NULL OR tenant_id = :tenant
    ORDER BY tenant_id, credential, id""")
_REFERENCES = text("SELECT DISTINCT credential FROM credentials")
_REMOVE = text("""
    DELETE FROM credentials WHERE tenant_id = :tenant AND credential = :credential
    AND (CAST(:name AS text) IS NULL OR name = :name)
""")
_LOCKED = text(f"{_SELECT} ORDER BY id FOR UPDATE")
_RESEAL = text("UPDATE credentials SET sealed = :sealed WHERE id = :id")


class PostgresCredentialStore:
    """The port `CredentialStore` on a table of its own."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._database, self._sealer = Database(engine), sealer

    def add(self, tenant: str, credential: str, name: str, secret: Secret) -> bool:
        """Keep a key; the port's promise."""
        values = _place(tenant, credential, name)
        sealed = self._sealer.seal(tenant, credential, name, secret)

        def work(connection: Connection) -> bool:
            return bool(connection.execute(_ADD, {**values, "sealed": sealed}).scalar_one())

        return self._database.of(tenant).run(work)

    def keys(self, tenant: str, credential: str) -> Sequence[Secret]:
        """Give a tenant's keys; the port's promise."""
        rows = self._rows(_OF_TENANT, tenant=tenant, credential=credential)
        opened = (kept_or_shut(self._sealer, **row).secret for row in rows)
        return tuple(secret for secret in opened if secret is not None)

    def all(self, tenant: str | None = None) -> Sequence[KeptCredential]:
        """Give all keys; the port's promise."""
        return tuple(kept_or_shut(self._sealer, **row) for row in self._rows(_ALL, tenant=tenant))

    def references(self) -> frozenset[str]:
        """Name the credentials that there are; the port's promise."""
        return frozenset(row["credential"] for row in self._rows(_REFERENCES))

    def remove(self, tenant: str, credential: str, name: str | None = None) -> int:
        """Forget keys; the port's promise."""
        values = {"tenant": tenant, "credential": credential, "name": name}
        return self._database.of(tenant).run(
            lambda connection: connection.execute(_REMOVE, values).rowcount
        )

    def reseal(self) -> int:
        """Seal every key anew; the port's promise."""

        def work(connection: Connection) -> int:
            rows = connection.execute(_LOCKED).mappings().all()
            for row in rows:
                place = row["tenant"], row["credential"], row["name"]
                sealed = self._sealer.seal(*place, self._sealer.open(*place, row["sealed"]))
                connection.execute(_RESEAL, {"id": row["id"], "sealed": sealed})
            return len(rows)

        return self._database.of_all().run(work)

    def _rows(self, query: Any, **values: str | None) -> list[dict[str, Any]]:
        def work(connection: Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(query, values).mappings()]

        return self._database.of_one_or_all(values.get("tenant")).run(work)


def kept_or_shut(
    sealer: Sealer,
    *,
    tenant: str,
    credential: str,
    name: str,
    sealed: str,
    created_at: Any,
    **_id: object,
) -> KeptCredential:
    """Open a stored key, or say in the log that it stays shut."""
    secret = None
    try:
        secret = sealer.open(tenant, credential, name, sealed)
    except SealedError as exc:
        extra = {"tenant": tenant, "credential": credential, "reason": exc.problem}
        log.warning("credential.unreadable", extra=extra)
    return KeptCredential(
        tenant=tenant, credential=credential, name=name, created_at=created_at, secret=secret
    )


def _place(tenant: str, credential: str, name: str) -> dict[str, str]:
    return {
        "tenant": checked_name("tenant", tenant),
        "credential": checked_name("credential", credential),
        "name": checked_name("name", name),
    }
