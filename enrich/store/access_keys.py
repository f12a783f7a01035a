"""The keys of the API in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, text

from enrich.domain.access import AccessKey, scopes_of
from enrich.store.codec import checked_name
from enrich.store.engine import Database

__all__ = ["PostgresAccessKeys"]

_ADD = text("""
    WITH tenant AS (INSERT INTO tenants (id) VALUES (:tenant) ON CONFLICT DO NOTHING)
    INSERT INTO access_keys (prefix, tenant_id, name, hash, scopes, created_at, expires_at)
    VALUES (:prefix, :tenant, :name, :hash, :scopes, :created_at, :expires_at)
""")
_FIND = text("SELECT * FROM access_keys WHERE prefix = :prefix")
_ALL = text("""
    SELECT * FROM access_keys
    WHERE CAST(:tenant AS text) IS NULL OR tenant_id = :tenant ORDER BY created_at DESC, prefix
""")
_REVOKE = text("""
    UPDATE access_keys SET revoked_at = now() WHERE prefix = :prefix AND revoked_at IS NULL
""")


class PostgresAccessKeys:
    """The port `AccessKeys` on a table of its own."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def add(self, key: AccessKey, *, secret_hash: str) -> None:
        """Keep a new key; the port's promise."""
        values = {
            "prefix": key.prefix,
            "tenant": checked_name("tenant", key.tenant),
            "name": checked_name("name", key.name),
            "hash": secret_hash,
            "scopes": sorted(key.scopes),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        }
        self._database.of(key.tenant).run(lambda connection: connection.execute(_ADD, values))

    def find(self, prefix: str) -> tuple[AccessKey, str] | None:
        """Give a key with its hash; the port's promise."""
        found = self._database.of_all().run(
            lambda c: c.execute(_FIND, {"prefix": prefix}).mappings().one_or_none()
        )
        return (_key(found), found["hash"]) if found else None

    def all(self, tenant: str | None = None) -> Sequence[AccessKey]:
        """List keys; the port's promise."""
        found = self._database.of_one_or_all(tenant).run(
            lambda c: c.execute(_ALL, {"tenant": tenant}).mappings().all()
        )
        return tuple(_key(raw) for raw in found)

    def revoke(self, prefix: str) -> bool:
        """End a key; the port's promise."""
        return self._database.of_all().run(
            lambda c: c.execute(_REVOKE, {"prefix": prefix}).rowcount == 1
        )


def _key(raw: Mapping[Any, Any]) -> AccessKey:
    return AccessKey(
        prefix=raw["prefix"],
        tenant=raw["tenant_id"],
        name=raw["name"],
        scopes=scopes_of(raw["scopes"]),
        created_at=raw["created_at"],
        expires_at=raw["expires_at"],
        revoked_at=raw["revoked_at"],
    )
