"""Whether a server that may be away is asked at all."""

import threading
from collections.abc import Callable

__all__ = ["Switch"]

_STRAYS_TO_OPEN = 5
_TRIAL_S = 1.0
_TRIAL_MAX_S = 5.0


class Switch:
    """Lets calls through until the server is away, and then one trial at a time.

    A trial comes one second after the fault, and after each that fails twice as late, up to five
    seconds. Safe for threads.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        # Guarded by the lock. `_trial_at_s` is None while calls are let through; `_strays` counts
        # faults since the last success.
        self._trial_at_s: float | None = None
        self._trial_wait_s = _TRIAL_S
        self._strays = 0
        self.back_at_s: float | None = None

    @property
    def lets_through(self) -> bool:
        """Say whether calls are let through without being trials."""
        return self._trial_at_s is None

    def admit(self) -> bool:
        """Say whether this caller may call; while the server is away it is then the trial."""
        with self._lock:
            if self._trial_at_s is None:
                return True
            now_s = self._now_s()
            if now_s < self._trial_at_s:
                return False
            # Nobody else comes through until this trial has ended, or should have.
            self._trial_wait_s = min(self._trial_wait_s * 2, _TRIAL_MAX_S)
            self._trial_at_s = now_s + self._trial_wait_s
            return True

    def succeeded(self) -> bool:
        """Take note of a call that went well; says whether the server had been away."""
        if self._trial_at_s is None and not self._strays:
            return False
        with self._lock:
            was_away, self._trial_at_s, self._strays = self._trial_at_s is not None, None, 0
            if was_away:
                self._trial_wait_s, self.back_at_s = _TRIAL_S, self._now_s()
            return was_away

    def failed(self, *, surely_away: bool) -> bool:
        """Take note of a call that did not; says whether the server counts as away."""
        with self._lock:
            self._strays += 1
            if self._trial_at_s is None and (surely_away or self._strays >= _STRAYS_TO_OPEN):
                self._trial_at_s = self._now_s() + self._trial_wait_s
            return self._trial_at_s is not None
