"""Kombu over our transport and over its own, on servers of a test session's own."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import redis
from kombu import Connection, Consumer, Queue

from enrich.embedded import celery_url
from tasks.transport import atomic_url

__all__ = [
    "OPTIONS",
    "Taken",
    "connect",
    "connect_stock",
    "put",
    "redis_binary",
    "taking",
    "unacked",
]

#: For what must come. What must not is looked for a few times.
_PATIENCE_S = 60.0
_LOOKS = 3
#: What a test passes over, so that it need not wait.
OPTIONS = {"unacked_restore_interval": 0.01, "unacked_restore_throttle": 1}


def redis_binary() -> str | None:
    """Find a Redis of version 7 or newer, when this machine has one."""
    return os.environ.get("TEST_REDIS_SERVER") or shutil.which("redis-server")


def connect(url: str, **options: Any) -> Connection:
    """Connect over our transport; `url` is in redis-py's form."""
    return Connection(atomic_url(celery_url(url)), transport_options=OPTIONS | options)


def connect_stock(url: str, **options: Any) -> Connection:
    """Connect over Kombu's own transport."""
    return Connection(celery_url(url), transport_options=OPTIONS | options)


def put(connection: Connection, queue: str, *bodies: Any, **options: Any) -> None:
    """Send messages to a queue."""
    with connection.Producer() as producer:
        for body in bodies:
            producer.publish(body, exchange="", routing_key=queue, **options)


class Taken:
    """A consumer of queues that keeps what it gets."""

    def __init__(self, connection: Connection, *queues: str | Queue, no_ack: bool = False) -> None:
        self.bodies: list[Any] = []
        self.messages: list[Any] = []
        self._connection = connection
        channel = connection.channel()
        self.consumer = Consumer(
            channel,
            [one if isinstance(one, Queue) else Queue(one, routing_key=one) for one in queues],
            callbacks=[self._keep],
            no_ack=no_ack,
        )

    def _keep(self, body: Any, message: Any) -> None:
        self.bodies.append(body)
        self.messages.append(message)

    def until(self, holds: Callable[[], bool]) -> bool:
        """Take events until a condition holds; False when none comes in time that makes it hold."""
        end_s = time.monotonic() + _PATIENCE_S
        while not holds():
            if time.monotonic() > end_s:
                return False
            self._drain()
        return True

    def take(self, count: int) -> list[Any]:
        """Take until there are `count`; gives all bodies."""
        self.until(lambda: len(self.bodies) >= count)
        return self.bodies

    def look(self) -> list[Any]:
        """Take what comes within a moment, which may be nothing; gives all bodies."""
        for _ in range(_LOOKS):
            self._drain()
        return self.bodies

    def _drain(self) -> None:
        with suppress(socket.timeout):
            self._connection.drain_events(timeout=0.1)


def taking(connection: Connection, *queues: str | Queue, **options: Any) -> Iterator[Taken]:
    """Consume from queues with a connection that is closed afterwards."""
    with connection:
        taken = Taken(connection, *queues, **options)
        with taken.consumer:
            yield taken


def unacked(server: redis.Redis) -> int:
    """Count the unacknowledged, which the hash and its index must agree on."""
    with server.pipeline(transaction=True) as both:  # with no fetch in between
        both.hlen("unacked")
        both.zcard("unacked_index")
        held, indexed = both.execute()
    assert held == indexed
    return int(held)
