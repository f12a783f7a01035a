"""The worker's consumer: what no task can be made of is parked with its reason.

A worker goes on, and nothing else is disturbed. `enrich doctor` counts what is parked. The steps of
a run that were lost this way are sent again by the sweep.
"""

import inspect
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from celery import Task
from celery.exceptions import Ignore, NotRegistered
from celery.worker.consumer import Consumer
from kombu.exceptions import ContentDisallowed, DecodeError
from kombu.utils.json import dumps

from enrich.bootstrap import settings
from enrich.errors import BadInputError
from enrich.state.parked import Parked, ParkedMessages
from tasks.envelope import Envelope, problem_of
from tasks.express.desk import Express
from tasks.express.jobs import JobWorker
from tasks.express.work import Worker
from tasks.settings import REQUESTS
from tasks.traces import taken_up

__all__ = ["ParkingConsumer", "Step"]

log = logging.getLogger("enrich.tasks")

#: A job's caller has its answer already: while others are under way it waits for that many windows
#: of a caller who has not, and more share what a group costs.
_PATIENCE = 20

#: What decoding a message of somebody else's making may raise.
_UNREADABLE = (ContentDisallowed, DecodeError, ValueError, TypeError, LookupError, RecursionError)

#: The stubs of Celery leave out nearly all that a subclass works with.
_Consumer: Any = Consumer


class ParkingConsumer(_Consumer):  # type: ignore[misc] # of no known type, see above
    """Celery's consumer of tasks."""

    @cached_property
    def express(self) -> Express:
        """What gathers the messages that ask for single units."""
        return Express(self.app, self, settings().gather.policy(), Worker)

    @cached_property
    def jobs(self) -> Express:
        """What gathers the messages about jobs."""
        policy = settings().gather.policy()
        patient = replace(policy, window_s=policy.window_s * _PATIENCE)
        return Express(self.app, self, patient, JobWorker)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Give what is called with every message: it looks at it first."""
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            if problem := _problem_of(message):
                self._park(message, problem)
            else:
                handle(message)

        return on_task_received

    def on_unknown_task(self, body: object, message: Any, exc: Exception) -> None:  # noqa: ARG002
        """Park a message for a task that this worker does not have; tell who waits for it."""
        name = str(message.headers["task"])
        self._park(message, "its task is not known to this worker")
        known = ", ".join(REQUESTS)
        told = NotRegistered(f"unknown task {name[:100]!r}; known: {known}")
        self.app.backend.store_result(message.headers["id"], told, "FAILURE")

    def on_invalid_task(self, body: object, message: Any, exc: Exception) -> None:  # noqa: ARG002
        """Park a message that Celery could not make a request of."""
        self._park(message, f"is not a task: {type(exc).__name__}")

    def on_unknown_message(self, body: object, message: Any) -> None:  # noqa: ARG002
        """Park a message that Celery does not know."""
        self._park(message, "is not a task")

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Park a message whose body cannot be decoded, or must not be."""
        self._park(message, _decoding_problem(message, exc))

    def _park(self, message: Any, reason: str) -> None:
        task = message.headers.get("task") if isinstance(message.headers, dict) else None
        parked = Parked(
            reason=reason,
            queue=str((message.delivery_info or {}).get("routing_key", "")),
            task=task if isinstance(task, str) else "",
            message=_text_of(message.body),
        )
        # First on the list, then gone from the unacknowledged: in between it is in both.
        with message.channel.conn_or_acquire() as client:
            ParkedMessages(client).park(parked)
        message.reject()
        named = {"reason": reason, "queue": parked.queue, "task": parked.task[:200]}
        log.error("message.parked", extra=named)


class Step(Task[Any, Any]):
    """A task of our own sending: arguments that make no step are parked, and the sweep goes on."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do the step, or park what was sent."""
        try:
            _check_arguments(self.run, args, kwargs)
            with taken_up(self, args):
                return self.run(*args, **kwargs)
        except BadInputError as exc:
            self._park(str(exc), dumps([args, kwargs]))
            raise Ignore from exc

    def _park(self, reason: str, text: str) -> None:
        queue = str((self.request.delivery_info or {}).get("routing_key", ""))
        parked = Parked(reason=reason, queue=queue, task=str(self.name), message=text)
        with (
            self.app.connection_or_acquire() as connection,
            connection.default_channel.conn_or_acquire() as client,
        ):
            ParkedMessages(client).park(parked)
        log.error("message.parked", extra={"reason": reason, "queue": queue, "task": self.name})


def _check_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as exc:
        raise BadInputError("arguments", str(exc)) from exc


def _problem_of(message: Any) -> str:
    if not isinstance(message.headers, dict):
        return "has no headers"
    try:
        body = message.payload
    except _UNREADABLE as exc:
        return _decoding_problem(message, exc)
    envelope = Envelope(headers=message.headers, body=body, body_bytes=len(message.body or b""))
    most = settings().broker.max_message_bytes
    return problem_of(envelope, now=datetime.now(UTC), most_bytes=most)


def _decoding_problem(message: Any, exc: Exception) -> str:
    if isinstance(exc, ContentDisallowed):
        return f"content type {str(message.content_type)[:100]!r} is not allowed here"
    return f"body cannot be decoded: {type(exc).__name__}"


def _text_of(body: object) -> str:
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body)
