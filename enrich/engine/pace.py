"""Spread the calls of one probe over lanes and time.

A call carries up to the provider's bulk size of rows, or those of one job. Lanes take the next,
wait for its booked start, and make it. The asking thread is a lane itself, so a busy pool slows a
probe down and never stops it.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from itertools import accumulate

from enrich.domain.outcome import DEADLINE, Skipped
from enrich.domain.provider import Answer, Query, call_sizes
from enrich.engine.hedge import asked
from enrich.engine.parts import Parts
from enrich.ports import Deadline, Provider

__all__ = ["Starts", "ask_paced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """The booked starts of calls, on the monotonic clock, in order.

    A call that would leave more than `late_s` after its start would meet those booked behind it,
    and together they would break the limit. So it takes what `again` gives: a later start, or what
    its rows get when there is none.
    """

    at_s: Sequence[float]
    late_s: float
    again: Callable[[], float | Skipped]


@dataclass(frozen=True, slots=True)
class _Call:
    """Rows that travel together; `first` is the place of their answers, `at_s` the booked start."""

    first: int
    queries: Sequence[Query]
    at_s: float


def ask_paced(
    parts: Parts,
    provider: Provider,
    queries: Sequence[Query],
    starts: Starts,
    deadline: Deadline,
) -> list[Answer]:
    """Make the calls, each at its start or not at all; give answers in the order of queries.

    A call that breaks the provider's code is malformed for its own rows, and for no others.
    """
    sizes = call_sizes(provider.spec, queries)
    firsts = accumulate(sizes, initial=0)
    calls = [
        _Call(first, queries[first : first + size], at_s)
        for first, size, at_s in zip(firsts, sizes, starts.at_s, strict=False)
    ]
    return _Lanes(parts, provider, deadline, calls, starts).run(provider.spec.max_concurrent)


class _Lanes:
    """The calls of one probe, and their answers by place."""

    def __init__(
        self,
        parts: Parts,
        provider: Provider,
        deadline: Deadline,
        calls: Sequence[_Call],
        starts: Starts,
    ) -> None:
        self._parts, self._provider, self._deadline = parts, provider, deadline
        self._starts = starts
        # Popped from one end and added to at the other by many lanes: atomic in CPython.
        self._left = deque(calls)
        self._done: dict[int, Sequence[Answer]] = {}
        self._pause = threading.Event()  # never set: its wait is the pause until a booked start

    def run(self, lanes: int) -> list[Answer]:
        helpers = min(lanes, len(self._left)) - 1
        futures = [
            self._parts.calls.submit(self._parts.tracer.bound(self._lane)) for _ in range(helpers)
        ]
        try:
            self._lane()
        finally:
            # A lane that never got a thread has nothing left to do.
            running = [future for future in futures if not future.cancel()]
            wait(running)
        for future in running:
            future.result()
        return [answer for first in sorted(self._done) for answer in self._done[first]]

    def _lane(self) -> None:
        while True:
            try:
                call = self._left.popleft()
            except IndexError:
                return
            wait_s = call.at_s - self._parts.clock.monotonic_s()
            if wait_s > 0:
                self._pause.wait(wait_s)
            if self._parts.clock.monotonic_s() - call.at_s > self._starts.late_s:
                self._postpone(call)
            else:
                self._make(call)

    def _make(self, call: _Call) -> None:
        self._done[call.first] = asked(self._parts, self._provider, call.queries, self._deadline)

    def _postpone(self, call: _Call) -> None:
        clock = self._parts.clock
        out_of_time = self._deadline.left_s(clock) <= 0
        start = Skipped(DEADLINE) if out_of_time else self._starts.again()
        if isinstance(start, Skipped):
            self._done[call.first] = [Answer(outcome=start, calls=0) for _ in call.queries]
        elif start <= clock.monotonic_s():
            # At the end of the line it would be late once more, and so would all the others.
            self._make(call)
        else:
            # Booked behind all others, so this is its place in the line.
            self._left.append(replace(call, at_s=start))
