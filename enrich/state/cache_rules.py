"""What the caches in Redis and in memory decide alike: what is kept, what is a hit, what counts."""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enrich.domain.freshness import is_due, jittered_ttl_s
from enrich.domain.policy import CachePolicy
from enrich.errors import BadInputError
from enrich.ports.outside import Recorder
from enrich.ports.shared import CacheEntry, CacheHit
from enrich.state.cache_envelope import Envelope, encode

__all__ = [
    "CACHE_EVENTS_TOTAL",
    "CACHE_REQUESTS_TOTAL",
    "CacheRules",
    "CacheStats",
    "Parcel",
    "Tally",
]

#: Each look-up of one name, by outcome: hit, negative, stale or miss.
CACHE_REQUESTS_TOTAL = "enrich_cache_requests_total"
#: What else happened, by outcome: refresh, corrupt or unstorable.
CACHE_EVENTS_TOTAL = "enrich_cache_events_total"
_LONGEST_S = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """How often a process looked up and what it found; negative and stale hits are hits too."""

    hits: int = 0
    misses: int = 0
    negative_hits: int = 0
    stale_hits: int = 0
    refreshes: int = 0
    corrupt: int = 0
    unstorable: int = 0

    @property
    def hit_rate(self) -> float | None:
        """Share of look-ups that hit; None when nobody looked."""
        total = self.hits + self.misses
        return self.hits / total if total else None

    def __add__(self, other: "CacheStats") -> "CacheStats":
        """Add two counts, name by name."""
        return replace(
            self, **{name: getattr(self, name) + getattr(other, name) for name in self.__slots__}
        )


class Tally:
    """Counts of one kind of cache in this process, passed on to the recorder."""

    def __init__(self, kind: str, recorder: Recorder | None = None) -> None:
        self._kind, self._recorder = kind, recorder
        self._lock = threading.Lock()
        # Guarded by the lock. Added to at every look-up, so plain numbers instead of frozen values.
        self._amounts = dict.fromkeys(CacheStats.__slots__, 0)

    def looked_up(self, asked: int, hits: Mapping[str, CacheHit]) -> None:
        """Count one look-up of many."""
        stale = negative = fresh_negative = refreshes = 0
        for hit in hits.values():
            stale += hit.stale
            negative += hit.negative
            fresh_negative += hit.negative and not hit.stale
            refreshes += hit.refresh
        found, misses = len(hits), asked - len(hits)
        self._add(
            hits=found,
            misses=misses,
            negative_hits=negative,
            stale_hits=stale,
            refreshes=refreshes,
        )
        # For the recorder each look-up has one outcome, so that they add up.
        plain = found - stale - fresh_negative
        self._record(
            CACHE_REQUESTS_TOTAL, hit=plain, stale=stale, negative=fresh_negative, miss=misses
        )
        self._record(CACHE_EVENTS_TOTAL, refresh=refreshes)

    def corrupt(self, amount: int) -> None:
        """Count entries that could not be read."""
        self._add(corrupt=amount)
        self._record(CACHE_EVENTS_TOTAL, corrupt=amount)

    def unstorable(self) -> None:
        """Count an entry that cannot be kept."""
        self._add(unstorable=1)
        self._record(CACHE_EVENTS_TOTAL, unstorable=1)

    def stats(self) -> CacheStats:
        """Give the counts so far."""
        with self._lock:
            return CacheStats(**self._amounts)

    def _add(self, **amounts: int) -> None:
        with self._lock:
            for name, amount in amounts.items():
                self._amounts[name] += amount

    def _record(self, name: str, **amounts: int) -> None:
        for outcome, amount in amounts.items():
            if amount and self._recorder is not None:
                self._recorder.count(name, amount, {"kind": self._kind, "outcome": outcome})


@dataclass(frozen=True, slots=True)
class Parcel:
    """An entry ready to be kept: what is left of its life, how it treats what is there."""

    life_ms: int
    mode: str
    raw: bytes


class CacheRules:
    """The policy of one kind of cache, with its source of randomness (uniform, 0 to 1)."""

    def __init__(
        self,
        kind: str,
        policy: CachePolicy,
        *,
        recorder: Recorder | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.kind, self.policy, self.draw = kind, policy, draw
        self.tally = Tally(kind, recorder)

    def parcel(self, key: str, entry: CacheEntry) -> Parcel | None:
        """Wrap an entry; None when it is not to be kept (no lifetime, too large, not JSON).

        Raises:
            BadInputError: its lifetime is negative or beyond 2³¹ s.
        """
        if not 0 <= entry.ttl_s <= _LONGEST_S or not 0 <= entry.stale_ttl_s <= _LONGEST_S:
            raise BadInputError("ttl_s", "a lifetime must be within 0 and 2147483648 seconds")
        if entry.ttl_s == 0:
            return None
        ttl_s = jittered_ttl_s(entry.ttl_s, self.policy.ttl_jitter, self.draw())
        try:
            life_ms, raw = encode(key, entry, ttl_s=ttl_s)
        except TypeError:
            self.tally.unstorable()
            return None
        if len(raw) > self.policy.max_entry_bytes:
            self.tally.unstorable()
            return None
        return Parcel(life_ms, "weak" if entry.negative and not entry.forced else "set", raw)

    def hit(
        self, envelope: Envelope, *, left_ms: float, now: datetime, stale_ok: bool
    ) -> CacheHit | None:
        """Judge an entry with `left_ms` of its whole life left; None when it is over.

        `refresh` says that it is due: the caches then let one reader keep that mark.
        """
        remaining_s = (left_ms - envelope.stale_ms) / 1000
        if left_ms <= 0 or (remaining_s <= 0 and not stale_ok):
            return None
        age_s = max(0.0, (envelope.life_ms - left_ms) / 1000)
        return CacheHit(
            payload=envelope.payload,
            negative=envelope.negative,
            reason=envelope.reason,
            stored_at=now - timedelta(seconds=age_s),
            age_s=age_s,
            stale=remaining_s <= 0,
            refresh=remaining_s <= 0 or self._is_due(envelope, age_s, remaining_s),
        )

    def _is_due(self, envelope: Envelope, age_s: float, remaining_s: float) -> bool:
        soft_ms, took_ms = envelope.soft_ttl_ms, envelope.took_ms
        return is_due(
            age_s=age_s,
            remaining_s=remaining_s,
            soft_ttl_s=None if soft_ms is None else soft_ms / 1000,
            took_s=None if took_ms is None else took_ms / 1000,
            beta=self.policy.refresh_beta,
            draw=self.draw,
        )
