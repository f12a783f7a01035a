"""Spread the calls of one probe over lanes and time.

A call carries up to the provider's bulk size of rows. Lanes take the next call, wait for its booked
start, and make it. The asking thread is a lane itself, so a busy pool slows a probe down and never
stops it.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass

from enrich.domain.outcome import Malformed
from enrich.domain.provider import Answer, Query
from enrich.engine.parts import Parts
from enrich.ports import Deadline, Provider

__all__ = ["ask_paced"]

log = logging.getLogger("enrich.engine")


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
    delays_s: Sequence[float],
    deadline: Deadline,
) -> list[Answer]:
    """Make the calls, each not before its delay from now; give answers in the order of queries.

    A call that breaks the provider's code is malformed for its own rows, and for no others.
    """
    start_s = parts.clock.monotonic_s()
    size = provider.spec.bulk_size
    calls = [
        _Call(first, queries[first : first + size], start_s + delays_s[first // size])
        for first in range(0, len(queries), size)
    ]
    return _Lanes(parts, provider, deadline, calls).run(provider.spec.max_concurrent)


class _Lanes:
    """The calls of one probe, and their answers by place."""

    def __init__(
        self, parts: Parts, provider: Provider, deadline: Deadline, calls: Sequence[_Call]
    ) -> None:
        self._parts, self._provider, self._deadline = parts, provider, deadline
        self._left = deque(calls)  # popped from one end by many lanes: atomic in CPython
        self._done: dict[int, Sequence[Answer]] = {}
        self._pause = threading.Event()  # never set: its wait is the pause until a booked start

    def run(self, lanes: int) -> list[Answer]:
        helpers = min(lanes, len(self._left)) - 1
        futures = [self._parts.calls.submit(self._lane) for _ in range(helpers)]
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
            self._done[call.first] = self._made(call)

    def _made(self, call: _Call) -> Sequence[Answer]:
        try:
            answers = self._provider.ask(call.queries, self._deadline)
        except Exception:
            # A provider promises never to raise: this is a bug in it, and no row may be lost by it.
            log.exception("provider.broke", extra={"provider": self._provider.spec.name})
            answers = ()
        if len(answers) == len(call.queries):
            return answers
        return [Answer(outcome=Malformed("the provider's code failed")) for _ in call.queries]
