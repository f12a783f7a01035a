"""A broker of which a client hears until its second command that pushes, and then no more."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase

__all__ = ["leaving_broker"]

_ANSWERS = {b"HELLO": b"%1\r\n+proto\r\n:3\r\n", b"LPUSH": b":1\r\n"}


@contextmanager
def leaving_broker() -> Iterator[str]:
    """Listen on a port of the loopback for one connection; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def _serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    # Nobody is let in again: who tries once more is refused.
    listener.close()
    pushes = 0
    with connection, connection.makefile("rb") as lines:
        while (pushes := pushes + ((name := _command(lines)) == b"LPUSH")) < 2:
            connection.sendall(_ANSWERS.get(name, b"+OK\r\n"))


def _command(lines: BufferedIOBase) -> bytes:
    """Read a command; gives its name."""
    count = int(lines.readline()[1:])
    words = [lines.read(int(lines.readline()[1:]) + 2) for _ in range(count)]
    return words[0].strip()
