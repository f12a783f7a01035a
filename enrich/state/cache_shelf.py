"""A bounded place in memory for bytes that die."""

import heapq
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from enrich.state.cache_rules import Parcel

__all__ = ["Shelf"]

# How many outdated moments the heap of deaths may hold before it is built anew.
_SLACK = 64


@dataclass(frozen=True, slots=True)
class _Kept:
    parcel: Parcel
    dies_at_s: float


class Shelf:
    """Bytes under keys until they die, within limits of count and of bytes; safe for threads.

    When it is full the dead go first, then the least recently used.
    """

    def __init__(self, *, max_entries: int, max_bytes: int, now_s: Callable[[], float]) -> None:
        self._max_entries, self._max_bytes, self._now_s = max_entries, max_bytes, now_s
        self._lock = threading.RLock()
        # Guarded by the lock: the least recently used first; the heap knows every key in the
        # dictionary, and may also hold moments of entries that are gone or were replaced.
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._deaths: list[tuple[float, str]] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def total_bytes(self) -> int:
        """How many bytes the entries take, keys not counted."""
        return self._bytes

    def get(self, key: str) -> tuple[Parcel, float] | None:
        """Give an entry and its remaining life in ms, and count that as a use."""
        with self._lock:
            kept = self._alive(key)
            if kept is None:
                return None
            self._kept.move_to_end(key)
            return kept.parcel, (kept.dies_at_s - self._now_s()) * 1000

    def put(
        self, key: str, parcel: Parcel, *, yields: Callable[[Parcel, float], bool] | None = None
    ) -> None:
        """Keep an entry, unless `yields` to the one that is there (its remaining life in ms)."""
        with self._lock:
            old = self._alive(key)
            now_s = self._now_s()
            if old and yields and yields(old.parcel, (old.dies_at_s - now_s) * 1000):
                return
            self._remove(key)
            kept = _Kept(parcel, now_s + parcel.life_ms / 1000)
            self._kept[key] = kept
            self._bytes += len(parcel.raw)
            heapq.heappush(self._deaths, (kept.dies_at_s, key))
            self._make_room()

    def add(self, key: str, parcel: Parcel) -> bool:
        """Keep an entry where none is; says whether it did."""
        with self._lock:
            if self._alive(key) is not None:
                return False
            self.put(key, parcel)
            return True

    def drop(self, key: str) -> None:
        """Forget an entry."""
        with self._lock:
            self._remove(key)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
            self._deaths.clear()
            self._bytes = 0

    def clear_of(self, prefix: str) -> None:
        """Forget all whose key begins so."""
        with self._lock:
            for key in [key for key in self._kept if key.startswith(prefix)]:
                self._remove(key)

    def take(self, prefix: str, limit: int) -> dict[str, Parcel]:
        """Remove and give up to `limit` entries whose key begins so, with what is left of them."""
        taken: dict[str, Parcel] = {}
        with self._lock:
            now_s = self._now_s()
            for key in [key for key in self._kept if key.startswith(prefix)][:limit]:
                kept = self._kept[key]
                left_ms = int((kept.dies_at_s - now_s) * 1000)
                if left_ms > 0:
                    taken[key] = replace(kept.parcel, life_ms=left_ms)
                self._remove(key)
        return taken

    def _alive(self, key: str) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is not None and kept.dies_at_s <= self._now_s():
            self._remove(key)
            return None
        return kept

    def _remove(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept.parcel.raw)

    def _make_room(self) -> None:
        if len(self._deaths) > 2 * len(self._kept) + _SLACK:
            self._deaths = [(kept.dies_at_s, key) for key, kept in self._kept.items()]
            heapq.heapify(self._deaths)
        now_s = self._now_s()
        while self._deaths and self._deaths[0][0] <= now_s:
            died_at_s, key = heapq.heappop(self._deaths)
            kept = self._kept.get(key)
            if kept is not None and kept.dies_at_s == died_at_s:
                self._remove(key)
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            self._remove(next(iter(self._kept)))
