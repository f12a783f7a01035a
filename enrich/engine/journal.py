"""Write paid calls down: begun before they are made, ended before anything is done with them.

Calls that end at about the same time are written together: whoever finds the pen free writes what
all have to say meanwhile.
"""

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from enrich.domain.outcome import DEADLINE, Pending, Skipped
from enrich.domain.paid import CallEnd
from enrich.domain.provider import Answer, Query, charged
from enrich.engine.around import Around
from enrich.engine.call import Said, taken
from enrich.engine.parts import Parts
from enrich.errors import DatabaseDownError
from enrich.ports import Deadline, Provider

__all__ = ["Journal"]

log = logging.getLogger("enrich.engine")


class Journal(Around):
    """A provider whose calls are reserved for a tenant in the name of `holder`, and written down.

    `begun` are the questions that count as begun from the start. What could not be written stays
    with us and is tried again with the next call, and at the end.
    """

    def __init__(
        self,
        parts: Parts,
        provider: Provider,
        *,
        tenant: str,
        holder: str,
        names: Mapping[str, str],
        begun: Collection[str] = (),
    ) -> None:
        """`names` gives the question of each call's key."""
        self._parts, self._provider, self._names = parts, provider, names
        self._tenant, self._holder = tenant, holder
        self._lock = threading.Lock()
        self._pen = threading.Lock()
        # All guarded by the lock. What is begun and what has ended waits here to be written.
        self._to_begin: set[str] = set()
        self._to_end: dict[str, CallEnd] = {}
        self._ours: set[str] = set(begun)
        self._ended: set[str] = set()

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Ask about those that are still ours; the others wait for whoever took them."""
        if deadline.left_s(self._parts.clock) <= 0:
            # Our reservation is about to run out, or has: whoever asks next may be calling.
            return [Answer(outcome=Skipped(DEADLINE), calls=0) for _ in queries]
        names = [self._names[query.call_key] for query in queries]
        ours = self._begun(names)
        calling = [query for query, name in zip(queries, names, strict=True) if name in ours]
        answers = self._provider.ask(calling, deadline) if calling else ()
        told = {
            self._names[query.call_key]: answer
            for query, answer in zip(calling, answers, strict=True)
        }
        now = self._parts.clock.now()
        self.end({name: self._end_of(answer, now) for name, answer in told.items()})
        lost = Answer(outcome=Pending(now), calls=0, cost_microcredits=0)
        return [told.get(name, lost) for name in names]

    def _end_of(self, answer: Answer, now: datetime) -> CallEnd:
        return CallEnd(
            outcome=taken(answer.outcome, now),
            observed_at=now,
            cost_microcredits=charged(self.spec, answer),
            latency_s=answer.latency_s,
        )

    def end(self, ends: Mapping[str, CallEnd]) -> None:
        """Write down what has ended, before it is used; what a broken database leaves is kept."""
        with self._lock:
            self._to_end |= {n: each for n, each in ends.items() if n not in self._ended}
        try:
            self._write()
        except DatabaseDownError as error:
            log.warning("paid_call.not_written", extra={"calls": len(ends), "error": str(error)})

    def leave(self, name: str) -> None:
        """Leave a question as it is: nobody knows its end, and its reservation will run out."""
        with self._lock:
            self._ended.add(name)

    def close(self, said: Mapping[str, Said]) -> None:
        """Write down the end of all that was not called, and try once more what is left."""
        with self._lock:
            open_ = {n: each for n, each in said.items() if n not in self._ended}
        self.end({n: _end_of(each) for n, each in open_.items() if n not in self._to_end})
        with self._lock:
            lost = len(self._to_end)
        if lost:
            # The answers go on; should they be lost as well, their calls will be in doubt.
            self._parts.recorder.count("paid_calls_unwritten", lost)

    def _begun(self, names: Sequence[str]) -> frozenset[str]:
        with self._lock:
            new = set(names) - self._ours
            if not new:
                return frozenset(names)
            self._to_begin |= new
        try:
            self._write()
        except DatabaseDownError:
            with self._lock:
                self._to_begin -= new
                return frozenset(names) & self._ours
        with self._lock:
            return frozenset(names) & self._ours

    def _write(self) -> None:
        """Write all that waits, unless somebody has done so while we waited for the pen."""
        with self._pen:
            with self._lock:
                begun, ended = sorted(self._to_begin), dict(self._to_end)
            if not begun and not ended:
                return
            ours = self._parts.paid.note(self._tenant, self._holder, begun=begun, ended=ended)
            with self._lock:
                self._to_begin -= set(begun)
                self._ours = (self._ours | ours) - (set(ended) | (set(begun) - ours))
                self._ended |= set(ended)
                self._to_end = {n: e for n, e in self._to_end.items() if n not in ended}
            self._count_lost(set(ended) - ours)

    def _count_lost(self, lost: set[str]) -> None:
        if lost:
            log.warning(
                "paid_call.superseded", extra={"provider": self.spec.name, "calls": len(lost)}
            )
            self._parts.recorder.count("paid_calls_superseded", len(lost))


def _end_of(said: Said) -> CallEnd:
    return CallEnd(
        outcome=said.outcome,
        observed_at=said.observed_at,
        cost_microcredits=said.cost_microcredits,
        latency_s=said.latency_s,
    )
