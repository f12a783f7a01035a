"""The client for asyncio: the same names, awaited."""

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar
from uuid import uuid4

import redis.asyncio

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

__all__ = ["AsyncClient", "AsyncReply", "AsyncTask"]

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClient:
    """Sends tasks to enrich by name, and awaits their results; see `Client`.

    One belongs to the event loop in which it is first used.
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
        self._redis: redis.asyncio.Redis = connected(redis.asyncio.Redis.from_url, broker_url)
        self.cell = AsyncTask(self, requests.cell)
        self.row = AsyncTask(self, requests.row)
        self.rows = AsyncTask(self, requests.rows)
        self.table = AsyncTask(self, requests.table)

    async def send(self, request: Request[T]) -> "AsyncReply[T]":
        """Send a request; raises as `Client.send` does."""
        message = self._encoded(request)
        with translated(f"sending {request.task}"):
            await self._redis.lpush(message.queue, message.text)
        return AsyncReply(request, message, self._wait)

    async def send_all(self, asked: "Iterable[Request[T]]") -> "tuple[AsyncReply[T], ...]":
        """Send many requests, hundreds in one command; see `Client.send_all`."""
        asked = tuple(asked)
        messages = [self._encoded(request) for request in asked]
        pairs = zip(asked, messages, strict=True)
        replies = tuple(AsyncReply(request, message, self._wait) for request, message in pairs)
        taken = 0
        for parcel in parcels(messages):
            with sending_parcel(replies, taken=taken, parcel=len(parcel)):
                await self._redis.lpush(QUEUE, *(message.text for message in parcel))
            taken += len(parcel)
        return replies

    async def close(self) -> None:
        """Give back the connections."""
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _encoded(self, request: Request[object]) -> Message:
        task_id = str(uuid4())
        return encode(request, task_id=task_id, most_bytes=self._most_bytes, origin=origin())

    async def _wait(self, request: Request[T], message: Message, timeout_s: float | None) -> T:
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        until_s = time.monotonic() + timeout_s
        key = result_key(message.task_id)
        with translated(f"waiting for {request.task}"):
            async with self._redis.pubsub() as told:
                await told.subscribe(key)
                while True:
                    # Looked up again after each word, that of being subscribed included.
                    result = read_result(request, await self._redis.get(key))
                    if result is not None:
                        return result
                    left_s = until_s - time.monotonic()
                    if left_s <= 0:
                        break
                    await told.get_message(timeout=min(left_s, LOOK_EVERY_S))
            place = await self._redis.lpos(message.queue, message.text)
            ahead = int(await self._redis.llen(message.queue))
        raise absence(message, waited_s=timeout_s, waits=place is not None, ahead=ahead)


class AsyncTask(Generic[P, T]):
    """One kind of request of a client."""

    def __init__(self, client: AsyncClient, make: Callable[P, Request[T]]) -> None:
        self._client, self._make = client, make

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Send it and await its result, at most the client's `timeout_s`; see `Reply.get`."""
        reply = await self.delay(*args, **kwargs)
        return await reply.get()

    async def delay(self, *args: P.args, **kwargs: P.kwargs) -> "AsyncReply[T]":
        """Send it and go on; see `Client.send`."""
        return await self._client.send(self.request(*args, **kwargs))

    def request(self, *args: P.args, **kwargs: P.kwargs) -> Request[T]:
        """Make a request for `AsyncClient.send_all`; nothing is sent."""
        return self._make(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class AsyncReply(Generic[T]):
    """A result that comes; a worker keeps it for an hour."""

    _request: Request[T]
    _message: Message
    _wait: Callable[[Request[T], Message, float | None], Awaitable[T]]

    @property
    def task_id(self) -> str:
        """The task's id, as workers log it and Flower shows it."""
        return self._message.task_id

    async def get(self, *, timeout_s: float | None = None) -> T:
        """Await the result, at most `timeout_s` or the client's own; raises as `Reply.get` does."""
        return await self._wait(self._request, self._message, timeout_s)
