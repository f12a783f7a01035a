"""The cache that all workers share, in Redis or Valkey.

Void without a scan: a key names the policy's version, and its value begins with the generation of
its kind, which every look-up reads along and one INCR moves on.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any

from enrich.domain.policy import CachePolicy
from enrich.ports.outside import Recorder
from enrich.ports.shared import CacheEntry, CacheHit
from enrich.state.cache_envelope import Envelope, ForeignError, UnreadableError, decode
from enrich.state.cache_rules import CacheRules, CacheStats, Parcel
from enrich.state.link import LinkAwayError, RedisLink
from enrich.state.names import key_of, keys_of

__all__ = ["RedisCache"]

# One script call blocks the server for about a millisecond a thousand keys.
_CHUNK = 1000
#: What stands for the life of an entry that has no bytes in the reply.
_MISSING, _TOO_LARGE = -2, 0
_YEAR_3000_MS = 32_503_680_000_000
_GENERATION_TTL_MS = 400 * 24 * 3600 * 1000


class RedisCache:
    """Entries of one kind, "response" or "cell", under the policy's version.

    One round trip for each thousand names; one more when a known entry is due to be fetched anew,
    and one when something unreadable is to be removed. Every method raises `LinkAwayError` when
    Redis is away: `FallbackCache` is what the engine gets.
    """

    def __init__(
        self,
        link: RedisLink,
        kind: str,
        policy: CachePolicy,
        *,
        recorder: Recorder | None = None,
        draw: Callable[[], float] = random.random,
        rules: CacheRules | None = None,
    ) -> None:
        self._link = link
        self._rules = rules or CacheRules(kind, policy, recorder=recorder, draw=draw)
        self._version, self._kind = policy.version, kind
        # An entry's own limit, and room for the generation before it.
        self._most_bytes = policy.max_entry_bytes + 32
        self._generation = key_of(policy.version, f"{kind}-generation", "", "all")

    def get_many(
        self, tenant: str, names: Sequence[str], *, stale_ok: bool = False
    ) -> Mapping[str, CacheHit]:
        """Look up many; what is missing, expired, void or unreadable is not in the answer."""
        hits: dict[str, CacheHit] = {}
        for at in range(0, len(names), _CHUNK):
            hits |= self._get_chunk(tenant, names[at : at + _CHUNK], stale_ok=stale_ok)
        hits = self._one_refresh_each(tenant, hits)
        self._rules.tally.looked_up(len(names), hits)
        return hits

    def put_many(self, tenant: str, entries: Mapping[str, CacheEntry]) -> None:
        """Keep many; a negative leaves a known positive of higher confidence unless forced.

        Raises:
            BadInputError: a lifetime is negative or beyond 2³¹ s; nothing was kept.
        """
        parcels = {}
        keys = self._keys_of(tenant, entries)
        for key, entry in zip(keys, entries.values(), strict=True):
            parcel = self._rules.parcel(key, entry)
            if parcel is not None:
                parcels[key] = parcel
        self.keep(parcels)

    def drop_many(self, tenant: str, names: Sequence[str]) -> None:
        """Forget many."""
        self.drop_keys(self._keys_of(tenant, names))

    def clear(self) -> None:
        """Void all entries of this kind and version, for all tenants and workers at once."""
        self._link.run("cache_bump", keys=[self._generation], args=[_GENERATION_TTL_MS])

    def stats(self) -> CacheStats:
        """Give this process's counts."""
        return self._rules.tally.stats()

    @property
    def link(self) -> RedisLink:
        """The link that this cache goes through."""
        return self._link

    def key_of(self, tenant: str, name: str) -> str:
        """Name an entry as Redis does."""
        return key_of(self._version, self._kind, tenant, name)

    def _keys_of(self, tenant: str, names: Iterable[str]) -> list[str]:
        return keys_of(self._version, self._kind, tenant, names)

    def keep(self, parcels: Mapping[str, Parcel]) -> None:
        """Store wrapped entries by Redis key."""
        keys = list(parcels)
        for at in range(0, len(keys), _CHUNK):
            chunk = keys[at : at + _CHUNK]
            args = [item for key in chunk for item in _as_args(parcels[key])]
            self._link.run("cache_put", keys=[self._generation, *chunk], args=args)

    def offer(self, parcels: Mapping[str, Parcel]) -> None:
        """Store what was kept elsewhere, where nothing newer is."""
        self.keep({key: replace(parcel, mode="offer") for key, parcel in parcels.items()})

    def drop_keys(self, keys: Sequence[str]) -> None:
        """Remove entries by Redis key."""
        for at in range(0, len(keys), _CHUNK):
            self._link.call("UNLINK", *keys[at : at + _CHUNK])

    def _get_chunk(
        self, tenant: str, names: Sequence[str], *, stale_ok: bool
    ) -> dict[str, CacheHit]:
        keys = self._keys_of(tenant, names)
        reply = self._link.run(
            "cache_get",
            keys=[self._generation, *keys],
            args=[self._most_bytes],
        )
        lives_ms = _lives_of(reply, len(keys))
        if lives_ms is None:
            raise self._link.garbled("a look-up has another shape")
        now, prefix = datetime.fromtimestamp(reply[0] / 1000, UTC), reply[1] + b"|"
        values = iter(reply[3:])
        hits: dict[str, CacheHit] = {}
        unreadable: dict[str, bytes] = {}
        for name, key, left_ms in zip(names, keys, lives_ms, strict=True):
            if left_ms == _MISSING:
                continue
            raw = b"" if left_ms == _TOO_LARGE else next(values)
            envelope = self._opened(key, raw, prefix, unreadable)
            hit = envelope and self._rules.hit(
                envelope, left_ms=left_ms, now=now, stale_ok=stale_ok
            )
            if hit:
                hits[name] = hit
        self._weed(unreadable)
        return hits

    def _opened(
        self, key: str, raw: bytes, prefix: bytes, unreadable: dict[str, bytes]
    ) -> Envelope | None:
        generation, bar, body = raw.partition(b"|")
        if bar and generation.isdigit() and generation + bar != prefix:
            return None
        try:
            return decode(key, body)
        except ForeignError:
            return None
        except UnreadableError:
            unreadable[key] = raw
            return None

    def _weed(self, unreadable: Mapping[str, bytes]) -> None:
        if not unreadable:
            return
        self._rules.tally.corrupt(len(unreadable))
        seen = [sha1(raw, usedforsecurity=False).hexdigest() for raw in unreadable.values()]
        try:
            self._link.run("cache_weed", keys=list(unreadable), args=[self._most_bytes, *seen])
        except LinkAwayError:
            return  # they stay unreadable until somebody overwrites or drops them

    def _one_refresh_each(self, tenant: str, hits: dict[str, CacheHit]) -> dict[str, CacheHit]:
        due = [name for name, hit in hits.items() if hit.refresh]
        if not due:
            return hits
        marks = [key_of(self._version, f"{self._kind}-refresh", tenant, name) for name in due]
        ttl_ms = round(self._rules.policy.refresh_retry_s * 1000)
        try:
            won = self._link.run("cache_claim", keys=marks, args=[ttl_ms], items=len(marks))
        except LinkAwayError:
            won = [0] * len(due)
        return hits | {
            name: replace(hits[name], refresh=False)
            for name, mine in zip(due, won, strict=True)
            if not mine
        }


def _as_args(parcel: Parcel) -> tuple[int, str, bytes]:
    return parcel.life_ms, parcel.mode, parcel.raw


def _lives_of(reply: Any, names: int) -> list[int] | None:
    """Read how long each entry lives, in ms; None unless all stands where the script puts it."""
    if type(reply) is not list or [*map(type, reply[:3])] != [int, bytes, bytes]:
        return None
    now_ms, _, listed, *values = reply
    try:
        lives_ms = [*map(int, listed.split(b","))]
    except ValueError:
        return None
    held = names - lives_ms.count(_MISSING) - lives_ms.count(_TOO_LARGE)
    # A set of classes: a tenth of the time of looking at each item of a long reply.
    is_sound = (
        0 <= now_ms < _YEAR_3000_MS
        and len(lives_ms) == names
        and len(values) == held
        and {*map(type, values)} <= {bytes}
    )
    return lives_ms if is_sound else None
