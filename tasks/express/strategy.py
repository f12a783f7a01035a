"""How a worker takes messages of requests: by gathering them, where it can."""

from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.concurrency.thread import TaskPool
from celery.worker import state
from celery.worker.strategy import default

from tasks.express.calls import Call, call_of

__all__ = ["gathering", "gathering_jobs"]


def gathering(task: Any, app: Celery, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Give what is called with each message of a task: it joins a group, or goes Celery's way.

    Only threads can share what was gathered; a pool of processes goes Celery's way, and so does
    what asks for more than a result: a moment, an end, tasks to follow.
    """
    return _gathering(lambda call: consumer.express.take(call), task, app, consumer, **options)


def gathering_jobs(task: Any, app: Celery, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Give what `gathering` does, for messages that name a job."""

    def take(call: Call) -> None:
        consumer.jobs.take(call)

    return _gathering(take, task, app, consumer, **options)


def _gathering(
    take: Callable[[Call], None], task: Any, app: Celery, consumer: Any, **options: Any
) -> Callable[..., Any]:
    alone = default(task, app, consumer, **options)
    if not isinstance(consumer.pool, TaskPool):
        return alone

    def receive(message: Any, body: Any, *rest: Any) -> Any:
        is_plain = body is None and not consumer.task_buckets[task.name]
        call = call_of(message) if is_plain else None
        if call is None or call.id in state.revoked or consumer.hub is None:
            return alone(message, body, *rest)
        take(call)
        return None

    return receive
