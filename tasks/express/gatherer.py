"""When calls that have arrived are taken up together.

Whoever arrives at an idle worker goes at once. While others are under way, calls wait for a short
window, or until there are enough of them; when as many groups are under way as may be, for the
first of those to end. So groups grow with the load, and a lone call waits for nobody.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Generic, TypeVar

from enrich.domain.policy import GatherPolicy

__all__ = ["Gatherer"]

T = TypeVar("T")


class Gatherer(Generic[T]):
    """Calls on their way into groups; safe for threads."""

    def __init__(
        self,
        start: Callable[[Sequence[T]], None],
        later: Callable[[float, Callable[[], None]], object],
        policy: GatherPolicy,
        *,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        """`start` begins a group; `later` has a function called in so many seconds."""
        self._start, self._later, self._policy, self._now_s = start, later, policy, now_s
        self._lock = threading.Lock()
        # All guarded by the lock. A call that waits has a timer, or has waited for its window.
        self._waiting: deque[tuple[float, T]] = deque()
        self._under_way = 0
        self._has_timer = False

    def add(self, call: T) -> None:
        """Take a call; from the thread that `later` belongs to."""
        with self._lock:
            self._waiting.append((self._now_s(), call))
        self._go()
        with self._lock:
            needs_timer = bool(self._waiting) and not self._has_timer
            self._has_timer |= needs_timer
        if needs_timer:
            self._later(self._policy.window_s, self._tick)

    def began(self) -> None:
        """Count a group that was parted from another."""
        with self._lock:
            self._under_way += 1

    def ended(self) -> None:
        """Count a group as over; begin with those who wait for that."""
        with self._lock:
            self._under_way -= 1
        self._go()

    def _tick(self) -> None:
        self._go()
        with self._lock:
            left_s = self._left_s()
            # Also when the first waits for the end of a group: those behind it have a window too.
            self._has_timer = left_s is not None and self._policy.window_s > 0
            again = self._has_timer
        if again and left_s is not None:
            self._later(left_s if left_s > 0 else self._policy.window_s, self._tick)

    def _left_s(self) -> float | None:
        """Say for how long the first who waits still does; None when nobody waits."""
        if not self._waiting:
            return None
        since_s, _ = self._waiting[0]
        return since_s + self._policy.window_s - self._now_s()

    def _go(self) -> None:
        while group := self._due():
            self._start(group)

    def _due(self) -> Sequence[T]:
        with self._lock:
            left_s = self._left_s()
            if left_s is None or self._under_way >= self._policy.at_once:
                return ()
            is_whole = len(self._waiting) >= self._policy.most
            if self._under_way and left_s > 0 and not is_whole:
                return ()
            self._under_way += 1
            count = min(len(self._waiting), self._policy.most)
            return [self._waiting.popleft()[1] for _ in range(count)]
