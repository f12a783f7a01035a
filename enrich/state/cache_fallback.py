"""Redis first; the memory of this process while Redis is away."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from enrich.ports.outside import Recorder
from enrich.ports.shared import CacheEntry, CacheHit
from enrich.state.cache import RedisCache
from enrich.state.cache_memory import MemoryCache
from enrich.state.cache_rules import CacheStats
from enrich.state.link import FALLBACKS_TOTAL, LinkAwayError

__all__ = ["FallbackCache"]

T = TypeVar("T")

_OFFERED_AT_ONCE = 500
_OFFER_AGAIN_S = 5.0
_DROPS_REMEMBERED = 10_000
_OUTLIVES_S = 60.0


class FallbackCache:
    """A cache that never fails: what cannot be looked up in Redis is looked up here.

    What was kept here meanwhile is offered to Redis, a part with each call, as soon as a call
    succeeds again, and is not read any more; what was dropped meanwhile is dropped there first.
    """

    def __init__(
        self, shared: RedisCache, memory: MemoryCache, *, recorder: Recorder | None = None
    ) -> None:
        self._shared, self._memory, self._recorder = shared, memory, recorder
        self._lock = threading.Lock()
        # What Redis is still to be told: drops by key, or all at once. Guarded by the lock.
        self._owed_drops: set[str] = set()
        self._owes_clear = False
        self._forgot_at_s: float | None = None
        self._next_offer_at_s = 0.0

    def get_many(
        self, tenant: str, names: Sequence[str], *, stale_ok: bool = False
    ) -> Mapping[str, CacheHit]:
        """Look up many; what is missing, expired, void or unreadable is not in the answer."""
        return self._either(
            lambda: self._shared.get_many(tenant, names, stale_ok=stale_ok),
            lambda: self._memory.get_many(tenant, names, stale_ok=stale_ok),
        )

    def put_many(self, tenant: str, entries: Mapping[str, CacheEntry]) -> None:
        """Keep many, here when Redis is away.

        Raises:
            BadInputError: a lifetime is negative or beyond 2³¹ s; nothing was kept.
        """
        self._either(
            lambda: self._shared.put_many(tenant, entries),
            lambda: self._memory.put_many(tenant, entries),
        )

    def drop_many(self, tenant: str, names: Sequence[str]) -> None:
        """Forget many, here and there; Redis is told later when it is away."""
        if len(self._memory):
            self._memory.drop_many(tenant, names)
        self._either(
            lambda: self._shared.drop_many(tenant, names),
            lambda: self._owe([self._shared.key_of(tenant, name) for name in names]),
        )

    def clear(self) -> None:
        """Forget all of this kind, for all workers; Redis is told later when it is away."""
        self._memory.clear()
        self._either(self._shared.clear, self._owe_all)

    def stats(self) -> CacheStats:
        """Give this process's counts, of both levels."""
        return self._shared.stats() + self._memory.stats()

    def _either(self, shared: Callable[[], T], memory: Callable[[], T]) -> T:
        try:
            self._settle_debts()
            result = shared()
        except LinkAwayError as error:
            if self._recorder is not None:
                self._recorder.count(FALLBACKS_TOTAL, 1, {"part": "cache", "reason": error.reason})
            self._forget_what_is_old()
            return memory()
        self._hand_over()
        return result

    def _settle_debts(self) -> None:
        if not self._owes_clear and not self._owed_drops:
            return
        with self._lock:
            drops, clears = list(self._owed_drops), self._owes_clear
        if clears:
            self._shared.clear()
        self._shared.drop_keys(drops)
        with self._lock:
            self._owed_drops.difference_update(drops)
            self._owes_clear = False

    def _hand_over(self) -> None:
        now_s = self._shared.link.now_s()
        if not len(self._memory) or now_s < self._next_offer_at_s:
            return
        parcels = self._memory.take(_OFFERED_AT_ONCE)
        try:
            self._shared.offer(parcels)
        except LinkAwayError:
            self._memory.keep(parcels)
            self._next_offer_at_s = now_s + _OFFER_AGAIN_S

    def _forget_what_is_old(self) -> None:
        # Redis was back for a while and is away again: what lies here from before may be outdated.
        link = self._shared.link
        back_at_s = link.back_at_s
        if back_at_s is None or back_at_s == self._forgot_at_s:
            return
        if link.now_s() - back_at_s >= _OUTLIVES_S:
            self._forgot_at_s = back_at_s
            self._memory.clear()

    def _owe(self, keys: Sequence[str]) -> None:
        with self._lock:
            self._owed_drops.update(keys)
            if len(self._owed_drops) > _DROPS_REMEMBERED:
                # Too many to remember one by one: void all, which costs speed and nothing else.
                self._owes_clear = True
                self._owed_drops.clear()

    def _owe_all(self) -> None:
        with self._lock:
            self._owes_clear = True
