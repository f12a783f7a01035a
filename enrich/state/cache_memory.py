"""The cache of one process: what is used when Redis is away, and in tests.

It keeps the same bytes as Redis does, so nobody can change an entry through what a look-up gave
them, and what was kept while Redis was away can be offered to it as it is.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from enrich.domain.policy import CachePolicy
from enrich.ports.outside import Clock, Recorder
from enrich.ports.shared import CacheEntry, CacheHit
from enrich.state.cache_envelope import decode, is_outdone
from enrich.state.cache_rules import CacheRules, CacheStats, Parcel
from enrich.state.cache_shelf import Shelf
from enrich.state.names import key_of

__all__ = ["MemoryCache"]

_MARK = b"refresh"


class MemoryCache:
    """Entries of one kind under the policy's version, on a shelf that several kinds may share."""

    def __init__(
        self,
        kind: str,
        policy: CachePolicy,
        *,
        clock: Clock,
        recorder: Recorder | None = None,
        draw: Callable[[], float] = random.random,
        shelf: Shelf | None = None,
        rules: CacheRules | None = None,
    ) -> None:
        self._rules = rules or CacheRules(kind, policy, recorder=recorder, draw=draw)
        self._version, self._kind, self._clock = policy.version, kind, clock
        self._shelf = shelf or Shelf(
            max_entries=policy.max_memory_entries,
            max_bytes=policy.max_memory_bytes,
            now_s=clock.monotonic_s,
        )
        # Marks of who refreshes lie apart, where they push no entry out.
        self._marks = Shelf(
            max_entries=policy.max_memory_entries, max_bytes=2**30, now_s=clock.monotonic_s
        )

    def get_many(
        self, tenant: str, names: Sequence[str], *, stale_ok: bool = False
    ) -> Mapping[str, CacheHit]:
        """Look up many; what is missing or expired is not in the answer."""
        hits = {}
        for name in names:
            hit = self._get(self.key_of(tenant, name), stale_ok=stale_ok)
            if hit is not None:
                hits[name] = hit
        self._rules.tally.looked_up(len(names), hits)
        return hits

    def put_many(self, tenant: str, entries: Mapping[str, CacheEntry]) -> None:
        """Keep many; a negative leaves a known positive of higher confidence unless forced.

        Raises:
            BadInputError: a lifetime is negative or beyond 2³¹ s; nothing was kept.
        """
        keyed = {self.key_of(tenant, name): entry for name, entry in entries.items()}
        parcels = {key: self._rules.parcel(key, entry) for key, entry in keyed.items()}
        for key, parcel in parcels.items():
            if parcel is not None:
                self._shelf.put(key, parcel, yields=_yields_to(parcel))

    def drop_many(self, tenant: str, names: Sequence[str]) -> None:
        """Forget many."""
        for name in names:
            self._shelf.drop(self.key_of(tenant, name))

    def clear(self) -> None:
        """Forget all entries of this kind and version."""
        self._shelf.clear_of(self._prefix)

    def stats(self) -> CacheStats:
        """Give this process's counts."""
        return self._rules.tally.stats()

    def key_of(self, tenant: str, name: str) -> str:
        """Name an entry as Redis does."""
        return key_of(self._version, self._kind, tenant, name)

    def keep(self, parcels: Mapping[str, Parcel]) -> None:
        """Store wrapped entries by Redis key."""
        for key, parcel in parcels.items():
            self._shelf.put(key, parcel)

    def take(self, limit: int) -> dict[str, Parcel]:
        """Remove and give up to `limit` entries by Redis key, with what is left of their life."""
        return self._shelf.take(self._prefix, limit)

    def __len__(self) -> int:
        return len(self._shelf)

    @property
    def _prefix(self) -> str:
        return f"enrich:v{self._version}:{self._kind}:"

    def _get(self, key: str, *, stale_ok: bool) -> CacheHit | None:
        found = self._shelf.get(key)
        if found is None:
            return None
        parcel, left_ms = found
        hit = self._rules.hit(
            decode(key, parcel.raw), left_ms=left_ms, now=self._clock.now(), stale_ok=stale_ok
        )
        if hit is None or not hit.refresh:
            return hit
        return replace(hit, refresh=self._claims_refresh(key))

    def _claims_refresh(self, key: str) -> bool:
        life_ms = round(self._rules.policy.refresh_retry_s * 1000)
        return self._marks.add(key, Parcel(life_ms, "set", _MARK))


def _yields_to(parcel: Parcel) -> Callable[[Parcel, float], bool] | None:
    if parcel.mode == "set":
        return None
    return lambda old, left_ms: is_outdone(parcel.raw, by=old.raw, left_ms=left_ms)
