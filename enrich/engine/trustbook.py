"""What fusion knows about the providers, read from Postgres now and then."""

import threading

from enrich.domain.fusion import Judge
from enrich.ports.outside import Clock
from enrich.ports.trust import TrustStore

__all__ = ["TrustBook"]

#: A version that was learned meanwhile is used after that at the latest.
_KEPT_S = 30.0


class TrustBook:
    """The newest judge of each tenant, remembered for half a minute."""

    def __init__(self, store: TrustStore, clock: Clock) -> None:
        self.store = store
        self._clock, self._lock = clock, threading.Lock()
        self._judges: dict[str, tuple[float, Judge]] = {}  # under the lock

    def judge(self, tenant: str) -> Judge:
        """Give the judge by the newest version. Raises `DatabaseDownError`."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            known = self._judges.get(tenant)
        if known is not None and now_s - known[0] < _KEPT_S:
            return known[1]
        state = self.store.newest(tenant)
        judge = known[1] if known and known[1].state == state else Judge(state)
        with self._lock:
            self._judges[tenant] = (now_s, judge)
        return judge

    def forget(self) -> None:
        """Read anew at the next question: a version has just been learned here."""
        with self._lock:
            self._judges.clear()
