"""One command there and its reply back, with nothing in between."""

from collections import deque
from typing import Any

import redis

__all__ = ["Wire"]

#: How sizes are written: a batch sends a thousand keys, and writing takes longer than looking up.
_SIZES = tuple(b"$%d" % size for size in range(1024))


class Wire:
    """Connections that carry one command at a time, each used by one thread at a time.

    The client's own way, with its pool, hooks and retries, takes as long again as the round trip;
    here are none of them. An idle connection that has something to say is out of step or was closed
    by the server: it is opened anew before it is used. Raises what redis-py raises.
    """

    def __init__(self, pool: redis.ConnectionPool) -> None:
        """`pool` says how to connect; none of its own connections is used."""
        self._pool = pool
        # Taken from and put back at one end by many threads: atomic in CPython.
        self._idle: deque[Any] = deque()

    def call(self, *command: Any) -> Any:
        """Send a command and give its reply."""
        connection = self._connection()
        try:
            connection.send_packed_command([_packed(command)], check_health=False)
            reply = connection.read_response()
        except redis.exceptions.ResponseError:
            # The server's word on this command: the connection is in step.
            self._idle.append(connection)
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        return reply

    def close(self) -> None:
        """Close what is idle; what is in use is closed when its call fails, or put back."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            connection.disconnect()

    def _connection(self) -> Any:
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._pool.connection_class(**self._pool.connection_kwargs)
        try:
            if connection.can_read():
                connection.disconnect()
        except redis.exceptions.ConnectionError:
            connection.disconnect()
        return connection


def _packed(command: tuple[Any, ...]) -> bytes:
    """Encode a command of bytes, texts and numbers as RESP, in one piece."""
    lines = [b"*%d" % len(command)]
    add = lines.append
    for item in command:
        raw = item if type(item) is bytes else str(item).encode()
        size = len(raw)
        add(_SIZES[size] if size < len(_SIZES) else b"$%d" % size)
        add(raw)
    add(b"")
    return b"\r\n".join(lines)
