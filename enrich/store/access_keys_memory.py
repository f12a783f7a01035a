"""The keys of the API in memory."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from enrich.domain.access import AccessKey
from enrich.errors import BadInputError
from enrich.store.codec import checked_name

__all__ = ["MemoryAccessKeys"]


class MemoryAccessKeys:
    """The port `AccessKeys` in a dictionary, forgotten with its process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._kept: dict[str, tuple[AccessKey, str]] = {}

    def add(self, key: AccessKey, *, secret_hash: str) -> None:
        """Keep a new key; the port's promise."""
        checked_name("tenant", key.tenant)
        checked_name("name", key.name)
        with self._lock:
            if key.prefix in self._kept:
                raise BadInputError("prefix", "is taken")
            self._kept[key.prefix] = key, secret_hash

    def find(self, prefix: str) -> tuple[AccessKey, str] | None:
        """Give a key with its hash; the port's promise."""
        return self._kept.get(prefix)

    def all(self, tenant: str | None = None) -> Sequence[AccessKey]:
        """List keys; the port's promise."""
        kept = [key for key, _ in list(self._kept.values()) if tenant in {None, key.tenant}]
        return tuple(sorted(kept, key=lambda key: (-key.created_at.timestamp(), key.prefix)))

    def revoke(self, prefix: str) -> bool:
        """End a key; the port's promise."""
        with self._lock:
            key, secret_hash = self._kept.get(prefix, (None, ""))
            if key is None or key.revoked_at is not None:
                return False
            self._kept[prefix] = replace(key, revoked_at=self._now()), secret_hash
            return True
