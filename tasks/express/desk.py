"""The part of a worker that gathers: between the consumer, which fetches, and the pool."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from celery import Celery

from enrich.domain.policy import GatherPolicy
from tasks.express.calls import Call, Receipts
from tasks.express.gatherer import Gatherer
from tasks.express.jobs import JobWorker
from tasks.express.work import Worker

__all__ = ["Express"]

log = logging.getLogger("enrich.tasks")


class Express:
    """Takes calls, and has them done in groups by the threads of the worker's pool."""

    def __init__(
        self, app: Celery, consumer: Any, policy: GatherPolicy, does: type[Worker | JobWorker]
    ) -> None:
        self._consumer = consumer
        self._receipts = Receipts(consumer, most=policy.most * (policy.at_once + 1))
        self._worker = does(
            app,
            acknowledge=self._receipts.acknowledge,
            give_back=self._receipts.give_back,
            spawn=self._spawn,
            at_once=policy.at_once,
        )
        self._gatherer: Gatherer[Call] = Gatherer(self._begin, self._later, policy)

    def take(self, call: Call) -> None:
        """Take a call; in the thread that fetches."""
        self._receipts.hold(call)
        self._gatherer.add(call)

    def _begin(self, calls: Sequence[Call]) -> None:
        self._in_pool(partial(self._worker.do, calls))

    def _spawn(self, work: Callable[[], None]) -> None:
        self._gatherer.began()
        self._in_pool(work)

    def _in_pool(self, work: Callable[[], None]) -> None:
        self._consumer.pool.apply_async(_done, (work, self._gatherer.ended), callback=_nothing)

    def _later(self, seconds: float, work: Callable[[], None]) -> object:
        return self._consumer.hub.call_later(seconds, work)


def _done(work: Callable[[], None], ended: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        # What was not acknowledged is given back; what was stored is swept.
        log.exception("calls.broke")
    finally:
        ended()


def _nothing(*_: Any) -> None:
    pass
