"""What is known about second calls: when one would be due, and how many may still be made."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil

from enrich.domain.provider import Answer

__all__ = ["Answers", "Hedges"]

Answers = Sequence[Answer]


class Hedges:
    """How long each provider's calls took lately, and how many may be made a second time.

    One a process: a window of its own follows a provider that becomes slower or faster within
    minutes, as the sums of all processes and all time would not. Safe to use from many threads.
    """

    _SEEN = 200
    _SEEN_MIN = 40
    _QUANTILE = 0.95
    _SAVED_MAX = 5.0

    def __init__(self, *, calls: int = 64) -> None:
        """Start no thread yet; `calls` is how many may be under way at once."""
        self._lock = threading.Lock()
        self._seen: dict[str, deque[float]] = {}
        self._saved: dict[str, float] = {}
        self._free = threading.Semaphore(calls)
        self._pool = ThreadPoolExecutor(calls, thread_name_prefix="enrich-hedge")

    def begin(self, provider: str, share: float) -> float | None:
        """Count a call towards a second one; say after how many seconds that would be due.

        None while too little is known to say.
        """
        with self._lock:
            self._saved[provider] = min(self._saved.get(provider, 0.0) + share, self._SAVED_MAX)
            seen = sorted(self._seen.get(provider, ()))
        return seen[ceil(self._QUANTILE * len(seen)) - 1] if len(seen) >= self._SEEN_MIN else None

    def note(self, provider: str, latency_s: float) -> None:
        """Remember how long a good answer took."""
        with self._lock:
            self._seen.setdefault(provider, deque(maxlen=self._SEEN)).append(latency_s)

    def spend(self, provider: str) -> bool:
        """Take leave for one second call; False when there were enough of them lately."""
        with self._lock:
            saved = self._saved.get(provider, 0.0)
            if saved < 1:
                return False
            self._saved[provider] = saved - 1
            return True

    def give_back(self, provider: str) -> None:
        """Return a leave that was not used."""
        with self._lock:
            self._saved[provider] = self._saved.get(provider, 0.0) + 1

    def submit(self, call: Callable[[], Answers]) -> "Future[Answers] | None":
        """Make a call in a thread of our own; None when all are busy, as calls never queue."""
        if not self._free.acquire(blocking=False):
            return None
        future = self._pool.submit(call)
        future.add_done_callback(lambda _: self._free.release())
        return future

    def close(self, *, wait: bool = False) -> None:
        """End the threads when their calls have ended; `wait` for them."""
        self._pool.shutdown(wait=wait)
