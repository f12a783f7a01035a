"""Where the keys of the API are kept."""

from collections.abc import Sequence
from typing import Protocol

from enrich.domain.access import AccessKey

__all__ = ["AccessKeys"]


class AccessKeys(Protocol):
    """Keys by their prefix. When Postgres is down every method raises `DatabaseDownError`."""

    def add(self, key: AccessKey, *, secret_hash: str) -> None:
        """Keep a new key. Raises `BadInputError` when its prefix is taken."""
        ...

    def find(self, prefix: str) -> tuple[AccessKey, str] | None:
        """Give a key with its hash, revoked and expired ones too; None for an unknown prefix."""
        ...

    def all(self, tenant: str | None = None) -> Sequence[AccessKey]:
        """List keys, newest first; of all tenants when none is named."""
        ...

    def revoke(self, prefix: str) -> bool:
        """End a key; False when there is none or it had ended. Others notice within 60 s."""
        ...
