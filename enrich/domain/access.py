"""Who may do what: scopes, principals and the keys that callers of the API carry.

A key is `enr_<8 letters>_<43 letters>`: a public prefix to find and name it by, and a secret of
256 random bits. Only the secret's SHA-256 is stored; with that many bits a slow hash adds nothing.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

__all__ = [
    "AccessKey",
    "Principal",
    "Scope",
    "is_same_hash",
    "key_of",
    "prefix_of",
    "scopes_of",
    "secret_hash",
]

_KEY = re.compile(r"enr_([A-Za-z0-9]{8})_([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """What a credential allows."""

    READ = "read"  # rows, runs, cells, providers, numbers
    ENRICH = "enrich"  # begin, cancel and retry runs; submit profiles; label
    OPERATE = "operate"  # erase, replay webhooks, force the breakers of its own keys
    OPERATE_ALL = "operate_all"  # with `operate`: force the breakers that all tenants share


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whoever a request comes from: one tenant, and what it may do there."""

    name: str
    tenant: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Say whether the scope is among its own."""
        return scope in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A key as it is stored: without its secret."""

    prefix: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Say whether it still opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def principal(self) -> Principal:
        """Give whom it stands for."""
        return Principal(name=self.prefix, tenant=self.tenant, scopes=self.scopes)


def key_of(prefix: str, secret: str) -> str:
    """Write a key from its two random parts: 8 letters or digits, and 43 of base64url."""
    key = f"enr_{prefix}_{secret}"
    if not _KEY.fullmatch(key):
        raise ValueError("a key is made of 8 and 43 characters")
    return key


def prefix_of(key: str) -> str | None:
    """Give a key's public part; None for what is no key."""
    found = _KEY.fullmatch(key)
    return found.group(1) if found else None


def secret_hash(key: str) -> str:
    """Give what is stored of a key: the SHA-256 of all of it, in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_same_hash(one: str, other: str) -> bool:
    """Compare two hashes in a time that tells nothing."""
    return hmac.compare_digest(one, other)


def scopes_of(names: Collection[str]) -> frozenset[Scope]:
    """Read scopes by name. Raises `ValueError` for one that does not exist."""
    return frozenset(Scope(name) for name in names)
