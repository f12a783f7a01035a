"""Run steps in this process, on threads: the same use cases without a queue."""

import heapq
import itertools
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, wait
from functools import partial

from enrich.domain.run import Step, StepKind
from enrich.engine.fuse import fuse
from enrich.engine.parts import Parts
from enrich.engine.premium import premium
from enrich.engine.probe import probe
from enrich.engine.traced import facts_of

__all__ = ["LocalRunner"]


class LocalRunner:
    """Carry batches through their phases, one step after the other, a step's probes in parallel."""

    def __init__(self, parts: Parts, pool: Executor) -> None:
        """`pool` bounds how many providers are asked at once."""
        self._parts, self._pool = parts, pool
        self._pause = threading.Event()  # never set: its wait is the pause until a step is due

    def run(self, steps: Sequence[Step], *, patience_s: float) -> bool:
        """Do the steps and all that follow from them; say whether nothing is left.

        A step whose moment lies more than `patience_s` after the start is left to a worker's sweep.
        """
        until_s = self._parts.clock.monotonic_s() + patience_s
        order = itertools.count()
        todo: list[tuple[float, int, Step]] = []
        self._add(todo, steps, order)
        while todo:
            at_s, _, step = heapq.heappop(todo)
            if at_s > until_s:
                return False
            self._pause.wait(max(0.0, at_s - self._parts.clock.monotonic_s()))
            self._add(todo, self._do(step), order)
        return True

    def _add(
        self,
        todo: list[tuple[float, int, Step]],
        steps: Iterable[Step],
        order: "itertools.count[int]",
    ) -> None:
        now, now_s = self._parts.clock.now(), self._parts.clock.monotonic_s()
        for step in steps:
            wait_s = (step.at - now).total_seconds() if step.at else 0.0
            heapq.heappush(todo, (now_s + max(0.0, wait_s), next(order), step))

    def _do(self, step: Step) -> tuple[Step, ...]:
        tracer = self._parts.tracer
        if step.kind is StepKind.PREMIUM:
            with tracer.span("premium", facts_of(step)):
                return premium(self._parts, step)
        if step.kind is StepKind.PROBE:
            asked = [
                self._pool.submit(tracer.bound(partial(self._probe, step, name)))
                for name in step.providers
            ]
            wait(asked)
            for future in asked:
                future.result()
        with tracer.span("fuse", facts_of(step)):
            return fuse(self._parts, step).steps

    def _probe(self, step: Step, provider: str) -> None:
        with self._parts.tracer.span("probe", facts_of(step, provider)):
            probe(self._parts, step, provider)
