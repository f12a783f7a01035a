"""Stop calling for a run that was stopped."""

import threading
from collections.abc import Sequence

from enrich.domain.outcome import Skipped
from enrich.domain.provider import Answer, Query
from enrich.domain.run import RunView
from enrich.engine.around import Around
from enrich.engine.parts import Parts
from enrich.errors import DatabaseDownError
from enrich.ports import Deadline, Provider

__all__ = ["STOPPED", "Watched"]

#: Why a question was not asked any more.
STOPPED = "the run has ended"
#: What is known of the run is never older than that when a call is made.
_LOOK_EVERY_S = 0.5


class Watched(Around):
    """A provider that is no longer asked once its run has ended or was cancelled."""

    def __init__(self, parts: Parts, run: RunView, provider: Provider) -> None:
        """The run counts as under way now: its batch has just been opened."""
        self._parts, self._run, self._provider = parts, run, provider
        self._lock = threading.Lock()
        # Both guarded by the lock.
        self._looked_at_s = parts.clock.monotonic_s()
        self._is_over = False

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Ask, unless the run is over."""
        if self._has_ended():
            self._parts.recorder.count("calls_stopped", labels={"provider": self.spec.name})
            return [Answer(outcome=Skipped(STOPPED), calls=0) for _ in queries]
        return self._provider.ask(queries, deadline)

    def _has_ended(self) -> bool:
        with self._lock:
            now_s = self._parts.clock.monotonic_s()
            if not self._is_over and now_s - self._looked_at_s >= _LOOK_EVERY_S:
                self._is_over = self._ask_store()
                self._looked_at_s = now_s
            return self._is_over

    def _ask_store(self) -> bool:
        try:
            return self._parts.runs.ended(self._run.id) is not None
        except DatabaseDownError:
            # Nobody can cancel it now either; what costs money cannot be reserved without it.
            return False
