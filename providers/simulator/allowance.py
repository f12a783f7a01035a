"""What a vendor allows: so many calls in a window, so many credits in a purse."""

from collections import deque
from collections.abc import Mapping, Sequence

from providers.spec.model import Limit

__all__ = ["Purses", "Windows"]


class Windows:
    """Counts the calls of each key, address or account in each limit's sliding window."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        """Begin with nothing counted."""
        self._limits = limits
        self._calls: dict[tuple[int, str], deque[float]] = {}

    def wait_s(self, who: Mapping[str, str], now_s: float) -> float:
        """Count a call of `who` (by key, ip, account); or count nothing and give the time to wait.

        The answer is 0 when the call is within all limits.
        """
        waits = [0.0]
        counted = []
        for number, limit in enumerate(self._limits):
            calls = self._calls.setdefault((number, who.get(limit.of, "")), deque())
            while calls and calls[0] <= now_s - limit.per_s:
                calls.popleft()
            counted.append(calls)
            if len(calls) >= limit.count:
                waits.append(calls[-limit.count] + limit.per_s - now_s)
        if max(waits) == 0:
            for calls in counted:
                calls.append(now_s)
        return max(waits)


class Purses:
    """What each key has left, in micro-credits; None at the start means without end."""

    def __init__(self, each_microcredits: int | None) -> None:
        """Fill every purse alike."""
        self._each = each_microcredits
        self._spent: dict[str, int] = {}

    def can_pay(self, key: str, microcredits: int) -> bool:
        """Say whether a price is within what is left."""
        return self._each is None or self._spent.get(key, 0) + microcredits <= self._each

    def pay(self, key: str, microcredits: int) -> None:
        """Take a price."""
        self._spent[key] = self._spent.get(key, 0) + microcredits
