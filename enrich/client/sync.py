"""The client that blocks."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar
from uuid import uuid4

import redis

from enrich.client import requests
from enrich.client.link import LOOK_EVERY_S, connected, origin, sending_parcel, translated
from enrich.client.requests import Request
from enrich.client.wire import (
    MAX_MESSAGE_BYTES,
    QUEUE,
    Message,
    absence,
    encode,
    parcels,
    read_result,
    result_key,
)

__all__ = ["Client", "Reply", "Task"]

P = ParamSpec("P")
T = TypeVar("T")


class Client:
    """Sends tasks to enrich by name, and waits for their results; safe among threads.

    `cell`, `row`, `rows` and `table` are called to send and wait, at most `timeout_s`; their
    `delay` sends alone. Connections are opened when they are first needed.
    """

    def __init__(
        self,
        broker_url: str,
        *,
        timeout_s: float = 30.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self.timeout_s = timeout_s
        self._most_bytes = max_message_bytes
        self._redis: Any = connected(redis.Redis.from_url, broker_url)
        self.cell = Task(self, requests.cell)
        self.row = Task(self, requests.row)
        self.rows = Task(self, requests.rows)
        self.table = Task(self, requests.table)

    def send(self, request: Request[T]) -> "Reply[T]":
        """Send a request; when it raises, nothing was sent, or the connection broke meanwhile.

        Raises:
            BadInputError: it cannot be written as a message.
            BrokerDownError: the broker does not take it.
        """
        message = self._encoded(request)
        with translated(f"sending {request.task}"):
            self._redis.lpush(message.queue, message.text)
        return Reply(request, message, self._wait)

    def send_all(self, asked: "Iterable[Request[T]]") -> "tuple[Reply[T], ...]":
        """Send many requests, hundreds in one command; one reply each, in their order.

        Make them by `request` of `cell`, `row`, `rows` and `table`.

        Raises:
            BadInputError: one of them cannot be written as a message; none was sent.
            PartlySentError: the broker has gone; holds the replies to those that it has taken, and
                to those of which nobody knows.
        """
        asked = tuple(asked)
        messages = [self._encoded(request) for request in asked]
        pairs = zip(asked, messages, strict=True)
        replies = tuple(Reply(request, message, self._wait) for request, message in pairs)
        taken = 0
        for parcel in parcels(messages):
            with sending_parcel(replies, taken=taken, parcel=len(parcel)):
                self._redis.lpush(QUEUE, *(message.text for message in parcel))
            taken += len(parcel)
        return replies

    def close(self) -> None:
        """Give back the connections."""
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _encoded(self, request: Request[object]) -> Message:
        task_id = str(uuid4())
        return encode(request, task_id=task_id, most_bytes=self._most_bytes, origin=origin())

    def _wait(self, request: Request[T], message: Message, timeout_s: float | None) -> T:
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        until_s = time.monotonic() + timeout_s
        key = result_key(message.task_id)
        with translated(f"waiting for {request.task}"), self._redis.pubsub() as told:
            told.subscribe(key)
            while True:
                # Looked up again after each word, that of being subscribed included.
                result = read_result(request, self._redis.get(key))
                if result is not None:
                    return result
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    break
                told.get_message(timeout=min(left_s, LOOK_EVERY_S))
            place = self._redis.lpos(message.queue, message.text)
            ahead = int(self._redis.llen(message.queue))
        raise absence(message, waited_s=timeout_s, waits=place is not None, ahead=ahead)


class Task(Generic[P, T]):
    """One kind of request of a client."""

    def __init__(self, client: Client, make: Callable[P, Request[T]]) -> None:
        self._client, self._make = client, make

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Send it and wait for its result, at most the client's `timeout_s`; see `Reply.get`."""
        return self.delay(*args, **kwargs).get()

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> "Reply[T]":
        """Send it and go on; see `Client.send`."""
        return self._client.send(self.request(*args, **kwargs))

    def request(self, *args: P.args, **kwargs: P.kwargs) -> Request[T]:
        """Make a request for `Client.send_all`; nothing is sent."""
        return self._make(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A result that comes; a worker keeps it for an hour."""

    _request: Request[T]
    _message: Message
    _wait: Callable[[Request[T], Message, float | None], T]

    @property
    def task_id(self) -> str:
        """The task's id, as workers log it and Flower shows it."""
        return self._message.task_id

    def get(self, *, timeout_s: float | None = None) -> T:
        """Wait for the result, at most `timeout_s` or the client's own; may be called again.

        Raises:
            NoAnswerError: nobody answered in time; says whether a worker has taken the task.
            RefusedError: it cannot be done as asked.
            RunFailedError: it was begun, and did not end well.
            BrokerDownError: the broker went away.
        """
        return self._wait(self._request, self._message, timeout_s)
