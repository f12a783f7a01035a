"""The rate limits of one process: for tests, for the library alone, and for when Redis is away."""

import threading
from collections.abc import Sequence
from datetime import datetime

from enrich.domain import rate
from enrich.domain.rate import RateLimit, RateState, Slots
from enrich.ports.outside import Clock

__all__ = ["MemoryGovernor", "in_us", "share_of"]


def share_of(limit: RateLimit, processes: int) -> RateLimit:
    """Give what one of so many processes may do of a limit; less than one call is one, later."""
    if limit.count >= processes:
        return RateLimit(limit.count // processes, limit.per_s)
    return RateLimit(1, limit.per_s * processes / limit.count)


class MemoryGovernor:
    """A governor in the memory of this process, one of `processes` alike; safe for threads."""

    def __init__(self, *, clock: Clock, processes: int = 1) -> None:
        self._clock, self._processes = clock, processes
        self._lock = threading.Lock()
        self._states: dict[str, RateState] = {}

    def reserve(
        self,
        key: str,
        *,
        want: int,
        max_delay_s: float,
        tenant: str = "default",
        limits: Sequence[RateLimit] = (),
    ) -> Slots:
        """Book starts within `max_delay_s`, within this process's share of the limits."""
        with self._lock:
            self._states[key], slots = rate.reserve(
                self._states.get(key, RateState()),
                tuple(share_of(limit, self._processes) for limit in limits),
                want=want,
                max_delay_s=max_delay_s,
                tenant=tenant,
                now_us=in_us(self._clock.now()),
            )
        return slots

    def learn(
        self,
        key: str,
        *,
        retry_at: datetime | None = None,
        remaining: int | None = None,
        reset_at: datetime | None = None,
    ) -> None:
        """Take the provider's word about its limit."""
        with self._lock:
            self._states[key] = rate.cool_down(
                self._states.get(key, RateState()),
                retry_us=in_us(retry_at),
                remaining=remaining,
                reset_us=in_us(reset_at),
                now_us=in_us(self._clock.now()),
            )

    def forget(self) -> None:
        """Drop what this process alone has booked."""
        with self._lock:
            self._states.clear()


def in_us(moment: datetime | None) -> int:
    """Give whole microseconds since the epoch; 0 for none."""
    return 0 if moment is None else round(moment.timestamp() * 1_000_000)
