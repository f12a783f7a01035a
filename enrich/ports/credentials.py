"""Where the keys of providers are kept. When it is down every method raises `DatabaseDownError`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enrich.domain.secret import Secret

__all__ = ["CredentialStore", "KeptCredential"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCredential:
    """One key of a tenant: what a provider's file calls it, and its own name among several.

    `secret` is None when none of the keys at hand opens it, or it belongs to another row.
    """

    tenant: str
    credential: str
    name: str
    created_at: datetime
    secret: Secret | None


class CredentialStore(Protocol):
    """Keys, sealed where they lie. A key is one of `tenant`, `credential` and `name`."""

    def add(self, tenant: str, credential: str, name: str, secret: Secret) -> bool:
        """Keep a key; say whether it is new, and not in the place of one of that name.

        Raises:
            BadInputError: a name is not printable.
            SealedError: there is nothing to seal with.
        """
        ...

    def keys(self, tenant: str, credential: str) -> Sequence[Secret]:
        """Give a tenant's keys in the order in which they were added.

        Those that cannot be opened are left out, with a line in the log.
        """
        ...

    def all(self, tenant: str | None = None) -> Sequence[KeptCredential]:
        """Give all keys, or a tenant's."""
        ...

    def references(self) -> frozenset[str]:
        """Name the credentials that some tenant has a key of; opens none."""
        ...

    def remove(self, tenant: str, credential: str, name: str | None = None) -> int:
        """Forget a key, or all of a credential; give how many there were."""
        ...

    def reseal(self) -> int:
        """Seal every key anew with the newest of ours, all or none; give how many.

        A key that is added meanwhile is sealed with the newest anyway.

        Raises:
            SealedError: one of them cannot be opened.
        """
        ...
