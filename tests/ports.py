"""Ports that nobody else takes before the program for which they were found."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["reserved_port"]


@contextmanager
def reserved_port() -> Iterator[int]:
    """Give a port of the loopback at which nobody answers, and keep it while the block lasts.

    Only who sets SO_REUSEADDR may listen there, as servers do; the system gives it to nobody.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
