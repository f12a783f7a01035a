"""The keys of providers in memory, sealed as in PostgreSQL: for unit tests and notebooks."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from enrich.domain.secret import Secret
from enrich.ports.credentials import KeptCredential
from enrich.store.codec import checked_name
from enrich.store.credentials import kept_or_shut
from enrich.store.sealing import Sealer

__all__ = ["MemoryCredentialStore", "SealedCredential"]

_Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A row: what is sealed, and since when."""

    sealed: str
    created_at: datetime


class MemoryCredentialStore:
    """The port `CredentialStore` in memory; one lock stands for the transaction."""

    def __init__(self, sealer: Sealer) -> None:
        """Begin empty."""
        self._sealer = sealer
        self._lock = threading.Lock()
        #: In the order in which they were added.
        self.rows: dict[_Place, SealedCredential] = {}

    def add(self, tenant: str, credential: str, name: str, secret: Secret) -> bool:
        """Keep a key; the port's promise."""
        place = (
            checked_name("tenant", tenant),
            checked_name("credential", credential),
            checked_name("name", name),
        )
        sealed = self._sealer.seal(*place, secret)
        with self._lock:
            is_new = place not in self.rows
            self.rows[place] = SealedCredential(sealed, datetime.now(UTC))
        return is_new

    def keys(self, tenant: str, credential: str) -> Sequence[Secret]:
        """Give a tenant's keys; the port's promise."""
        kept = (self._kept(place) for place in list(self.rows) if place[:2] == (tenant, credential))
        return tuple(one.secret for one in kept if one.secret is not None)

    def all(self, tenant: str | None = None) -> Sequence[KeptCredential]:
        """Give all keys; the port's promise."""
        places = sorted(self.rows, key=lambda place: place[:2])
        return tuple(self._kept(place) for place in places if tenant in {None, place[0]})

    def references(self) -> frozenset[str]:
        """Name the credentials that there are; the port's promise."""
        return frozenset(credential for _, credential, _ in self.rows)

    def remove(self, tenant: str, credential: str, name: str | None = None) -> int:
        """Forget keys; the port's promise."""
        with self._lock:
            gone = [p for p in self.rows if p[:2] == (tenant, credential) and name in {None, p[2]}]
            for place in gone:
                del self.rows[place]
        return len(gone)

    def reseal(self) -> int:
        """Seal every key anew; the port's promise."""
        with self._lock:
            fresh = {
                place: SealedCredential(
                    self._sealer.seal(*place, self._sealer.open(*place, row.sealed)),
                    row.created_at,
                )
                for place, row in self.rows.items()
            }
            self.rows |= fresh
        return len(fresh)

    def _kept(self, place: _Place) -> KeptCredential:
        tenant, credential, name = place
        row = self.rows[place]
        return kept_or_shut(
            self._sealer,
            tenant=tenant,
            credential=credential,
            name=name,
            sealed=row.sealed,
            created_at=row.created_at,
        )
