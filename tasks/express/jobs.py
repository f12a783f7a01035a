"""What is done with messages about jobs that were gathered: begun, carried out, ended."""

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from celery import Celery

from enrich.bootstrap import Services
from enrich.domain.job import Job, JobState
from enrich.domain.run import Step
from enrich.engine.carrying import carry
from enrich.engine.desk import Desk
from enrich.engine.job_ends import end_jobs
from enrich.engine.job_runs import begin_jobs, shares_of
from enrich.engine.together import Unit
from enrich.errors import DependencyError
from tasks.canvas import CeleryDispatcher
from tasks.express.calls import Call
from tasks.express.onward import hand_on, send_on
from tasks.replies import notify
from tasks.services import services
from tasks.traces import taken_together

__all__ = ["JobWorker"]

log = logging.getLogger("enrich.tasks")

T = TypeVar("T")

#: Asking providers is mostly waiting; a group asks as many at once as its wave has.
_PROBES = 48


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run of jobs, and their ids."""

    unit: Unit
    jobs: Sequence[str]


class JobWorker:
    """Does groups of messages about jobs, in the threads of the worker's pool."""

    def __init__(
        self,
        app: Celery,
        *,
        acknowledge: Callable[[Sequence[Call]], None],
        give_back: Callable[[Sequence[Call]], None],
        spawn: Callable[[Callable[[], None]], None],
        own: Callable[[], Services] = services,
        **_: Any,
    ) -> None:
        """`spawn` has something done in a thread of its own, as part of the same group.

        `give_back` has those come again that are not acknowledged.
        """
        self._app, self._spawn, self._own = app, spawn, own
        self._acknowledge, self._give_back = acknowledge, give_back
        self._dispatcher = CeleryDispatcher(app)
        self._pool: Executor = ThreadPoolExecutor(_PROBES, thread_name_prefix="enrich-jobs")

    def do(self, calls: Sequence[Call]) -> None:
        """Do a group: jobs of one kind share a run.

        Raises what broke; whoever is not acknowledged by then comes again.
        """
        with taken_together(calls[0].task, [call.message for call in calls]):
            self._done(calls)

    def _done(self, calls: Sequence[Call]) -> None:
        begun: list[_Begun] = []
        try:
            self._take_on({name for call in calls for name in _named(call)}, begun)
            self._acknowledge(calls)
        except DependencyError as exc:
            # They have patience; whoever was begun nonetheless is known when it comes again.
            log.warning("jobs.given_back", extra={"jobs": len(calls), "error": str(exc)})
            self._give_back(calls)
        except Exception:
            self._give_back(calls)
            raise
        finally:
            # Under a lease of ours: nobody else would take it up for as long as that lasts.
            for one in begun[1:]:
                self._spawn(self._own().parts.tracer.bound(partial(self._carry, one)))
            for one in begun[:1]:
                self._carry(one)

    def _take_on(self, ids: Collection[str], begun: list[_Begun]) -> None:
        """Begin what is queued, one kind after the other, and end what has been done."""
        desk = self._own().desk
        jobs = desk.jobs.some(ids)
        for share in shares_of(job for job in jobs if job.state is JobState.QUEUED):
            _apart(partial(_begin, desk, begun), share)
        self._end([job.id for job in jobs if job.state is JobState.PROCESSING])

    def _carry(self, one: _Begun) -> None:
        parts, reached = self._own().parts, list[Step]()
        try:
            carried = carry(parts, one.unit, self._pool, reached=reached.append)
        except Exception as exc:  # noqa: BLE001 - logged, and done by others
            hand_on(self._dispatcher, one.unit, reached[-1:], exc)
            return
        send_on(self._dispatcher, one.unit, carried.steps)
        self._end(one.jobs)

    def _end(self, ids: Sequence[str]) -> None:
        """End those on whose row nobody works any more; of the others the end of the run does."""
        desk, told = self._own().desk, list[bool]()
        _apart(lambda some: told.append(end_jobs(desk, some)), ids)
        if any(told):
            notify(self._app)


def _named(call: Call) -> Sequence[str]:
    return [str(name) for name in (*call.args, *call.kwargs.values())]


def _begin(desk: Desk, begun: list[_Begun], jobs: Sequence[Job]) -> None:
    ids = tuple(job.id for job in jobs)
    begun.extend(_Begun(unit, ids) for unit in begin_jobs(desk, jobs))


def _apart(work: Callable[[Sequence[T]], object], every: Sequence[T]) -> None:
    """Do it with all at once, and where that breaks with each alone.

    So one at fault harms no other; it is left to the sweep, and to whoever reads the log.
    """
    if not every:
        return
    try:
        work(every)
    except DependencyError:
        raise
    except Exception:
        log.exception("jobs.broke", extra={"jobs": len(every)})
        for one in every if len(every) > 1 else ():
            _apart(work, (one,))
