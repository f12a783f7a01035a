"""What is done with calls that were gathered: told apart, stored, carried out, answered."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery import Celery

from enrich.bootstrap import Services
from enrich.domain.run import Step
from enrich.engine.carrying import Carried, carry, keep_carried
from enrich.engine.parts import Parts
from enrich.engine.together import Answer, Begun, Unit, Wish, begin_together
from enrich.errors import (
    DatabaseDownError,
    DependencyError,
    EnrichError,
    UnknownNameError,
    UsageError,
)
from enrich.ports.callers import Caller, Callers
from tasks.canvas import CeleryDispatcher
from tasks.express.asking import Asked, asked_of
from tasks.express.calls import Call
from tasks.express.onward import hand_on, send_on
from tasks.replies import answer_run, encoded, store_results
from tasks.services import services
from tasks.traces import taken_together

__all__ = ["Worker"]

log = logging.getLogger("enrich.tasks")

#: Asking providers is mostly waiting; a group asks as many at once as its wave has.
_PROBES = 48


@dataclass(frozen=True, slots=True)
class _Part:
    """Calls that may share a run, with what each asks for."""

    wish: Wish
    calls: Sequence[tuple[Call, Asked]]

    @property
    def is_alone(self) -> bool:
        """What is spent against a limit of one's own is spent by oneself."""
        return self.wish.options.max_cost_microcredits is not None


class Worker:
    """Does groups of calls, in the threads of the worker's pool."""

    def __init__(
        self,
        app: Celery,
        *,
        acknowledge: Callable[[Sequence[Call]], None],
        give_back: Callable[[Sequence[Call]], None],
        spawn: Callable[[Callable[[], None]], None],
        at_once: int,
        own: Callable[[], Services] = services,
    ) -> None:
        """`spawn` has something done in a thread of its own, as part of the same group.

        `give_back` has those come again that are not acknowledged. Of calls that share with nobody,
        `at_once` are done at a time.
        """
        self._app, self._spawn, self._own = app, spawn, own
        self._acknowledge, self._give_back, self._at_once = acknowledge, give_back, at_once
        self._dispatcher = CeleryDispatcher(app)
        self._pool: Executor = ThreadPoolExecutor(_PROBES, thread_name_prefix="enrich-express")

    def do(self, calls: Sequence[Call]) -> None:
        """Do a group: who asks for the same kind of thing shares a run.

        Raises what broke; whoever is not acknowledged by then comes again.
        """
        try:
            parts, refused = _parted(calls)
            self._refuse(calls, refused)
        except Exception:
            self._give_back(calls)
            raise
        first, *others = _lanes(parts, self._at_once) or [()]
        for lane in others:
            self._spawn(partial(self._each, lane))
        self._each(first)

    def _refuse(self, calls: Sequence[Call], refused: Mapping[str, Any]) -> None:
        if refused:
            self._tell({c.id: refused[c.id] for c in calls if c.waits and c.id in refused})
            self._acknowledge([call for call in calls if call.id in refused])

    def _each(self, parts: Sequence[_Part]) -> None:
        try:
            for part in parts:
                self._do(part)
        except Exception:
            self._give_back([call for part in parts for call, _ in part.calls])
            raise

    def _do(self, part: _Part) -> None:
        calls = [call for call, _ in part.calls]
        with taken_together(calls[0].task, [call.message for call in calls]):
            self._done(part)

    def _done(self, part: _Part) -> None:
        own = self._own()
        callers = [
            Caller(id=call.id, row=asked.row, is_single=asked.is_single, waits=call.waits)
            for call, asked in part.calls
        ]
        try:
            begun = _begun(own.parts, own.callers, part.wish, callers)
        except DatabaseDownError as exc:
            # They have patience; whoever was stored nonetheless is known when it comes again.
            log.warning("calls.given_back", extra={"calls": len(callers), "error": str(exc)})
            self._give_back([call for call, _ in part.calls])
            return
        except Exception as exc:  # noqa: BLE001 - told to who waits, and logged
            if len(callers) > 1 and not isinstance(exc, UnknownNameError | DependencyError):
                self._one_by_one(part)
                return
            begun = self._broken(callers, exc)
        known = {c.id: (begun.answers[c.id], c) for c in callers if c.id in begun.answers}
        try:
            self._tell({key: _result(answer, c) for key, (answer, c) in known.items() if c.waits})
            # All are answered, stored now or stored before.
            self._acknowledge([call for call, _ in part.calls])
        finally:
            # Under a lease of ours: nobody else would take it up for as long as that lasts.
            if begun.unit is not None:
                self._carry(own.parts, own.callers, begun.unit)

    def _one_by_one(self, part: _Part) -> None:
        """Find out who of them it is that cannot be served, so that the others are."""
        for one in part.calls:
            self._do(_Part(part.wish, [one]))

    def _broken(self, callers: Sequence[Caller], exc: Exception) -> Begun:
        if not isinstance(exc, EnrichError):
            log.exception("calls.broke", extra={"calls": len(callers)})
        failure: Any = exc
        return Begun(answers={caller.id: failure for caller in callers})

    def _carry(self, parts: Parts, store: Callers, unit: Unit) -> None:
        reached: list[Step] = []
        try:
            carried = carry(parts, unit, self._pool, reached=reached.append)
        except Exception as exc:  # noqa: BLE001 - logged, and done by others
            hand_on(self._dispatcher, unit, reached[-1:], exc)
            return
        try:
            self._answer(store, unit, carried)
        finally:
            # Whoever could not be told is, by the sweep; the run goes on, and ends once.
            self._go_on(parts, unit, carried)

    def _go_on(self, parts: Parts, unit: Unit, carried: Carried) -> None:
        keep_carried(parts, unit, carried)
        send_on(self._dispatcher, unit, carried.steps)
        if carried.finished is not None:
            answer_run(self._app, self._own(), carried.finished)

    def _answer(self, store: Callers, unit: Unit, carried: Carried) -> None:
        mine = [c for c in unit.callers if c.waits and c.row in carried.cells]
        self._tell({c.id: _result(carried.cells[c.row], c) for c in mine})
        store.answered(unit.batch.run.tenant, [c.id for c in mine])

    def _tell(self, results: Mapping[str, Any]) -> None:
        if results:
            store_results(self._app, results)
            failed = sum(isinstance(result, Exception) for result in results.values())
            log.info("calls.answered", extra={"calls": len(results), "failed": failed})


def _begun(parts: Parts, store: Callers, wish: Wish, callers: Sequence[Caller]) -> Begun:
    try:
        return begin_together(parts, store, wish, callers)
    except DatabaseDownError:
        # A server that was restarted is asked anew: who was stored nonetheless is known there.
        return begin_together(parts, store, wish, callers)


def _parted(calls: Sequence[Call]) -> tuple[list[_Part], dict[str, Any]]:
    """Tell apart who may share a run; and who asks for what cannot be."""
    shared: dict[object, list[tuple[Call, Asked]]] = {}
    refused: dict[str, Any] = {}
    for call in calls:
        try:
            asked = asked_of(call.task, call.args, call.kwargs)
        except UsageError as exc:
            refused[call.id] = exc
            continue
        own = call.id if asked.wish.options.max_cost_microcredits is not None else ""
        shared.setdefault((asked.wish, own), []).append((call, asked))
    return [_Part(members[0][1].wish, members) for members in shared.values()], refused


def _lanes(parts: Sequence[_Part], at_once: int) -> list[Sequence[_Part]]:
    """Say which parts go one after the other: those with limits of their own can be hundreds."""
    alone = [part for part in parts if part.is_alone]
    lanes = (alone[number::at_once] for number in range(at_once))
    return [*([part] for part in parts if not part.is_alone), *filter(None, lanes)]


def _result(answer: Answer | Exception, caller: Caller) -> Any:
    if isinstance(answer, Exception):
        return answer
    return encoded(answer, single=caller.is_single)
