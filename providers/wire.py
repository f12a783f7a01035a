"""Connections that know their deadline: however slowly bytes drip in, the total time holds.

A read time-out starts anew with every byte, so that alone an answer of a byte a second never ends.
Here each single read asks what is left of the whole call. Addresses are resolved here too, once a
connection, so that what was checked is what is connected to.
"""

import http.client
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from enrich.ports.outside import Clock, Deadline

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "HEADER_BYTES_MAX",
    "Addresses",
    "HeadersTooLargeError",
    "OnTheWire",
    "Resolve",
    "TimedAdapter",
    "resolve_any",
]

#: Status line and headers of one reply, those of `100 Continue` before it included.
HEADER_BYTES_MAX = 64 * 1024
_POOLED = 32

#: Where a host may be reached, in the order in which to try.
Addresses: TypeAlias = "Sequence[tuple[socket.AddressFamily, tuple[Any, ...]]]"
Resolve: TypeAlias = "Callable[[str, int], Addresses]"


class HeadersTooLargeError(http.client.HTTPException):
    """The headers of a reply are longer than we read."""


def resolve_any(host: str, port: int) -> Addresses:
    """Resolve a host of the configuration: any address will do. Raises `socket.gaierror`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


@dataclass(frozen=True, slots=True)
class OnTheWire:
    """The call that this thread makes: its limits, and how its host is resolved."""

    deadline: Deadline
    clock: Clock
    connect_s: float
    read_s: float
    resolve: "Callable[[str, int, float], Addresses]"

    def left_s(self, longest_s: float) -> float:
        """Give the time for the next step; raises `TimeoutError` when none is left."""
        left_s = min(longest_s, self.deadline.left_s(self.clock))
        if left_s <= 0:
            raise TimeoutError("the call's time is over")
        return left_s

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make this the call of the thread while the block lasts."""
        _thread.call = self
        try:
            yield
        finally:
            _thread.call = None


class _Thread(threading.local):
    call: OnTheWire | None = None


_thread = _Thread()


def _now() -> OnTheWire:
    if _thread.call is None:
        raise RuntimeError("a connection is used outside of a call")
    return _thread.call


class _TimedIO(io.RawIOBase):
    """The reading end of a socket, with a limit for the headers and one for the whole."""

    def __init__(self, inner: Any, sock: socket.socket, call: OnTheWire) -> None:
        self._inner, self._sock, self._call = inner, sock, call
        self.header_bytes_left: int | None = HEADER_BYTES_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        self._sock.settimeout(self._call.left_s(self._call.read_s))
        count: int | None = self._inner.readinto(buffer)
        if self.header_bytes_left is not None:
            self.header_bytes_left -= count or 0
            if self.header_bytes_left < 0:
                raise HeadersTooLargeError("headers too large")
        return count

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """A reply that is read within the call's deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._timed = _TimedIO(self.fp.detach(), sock, _now())
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        super().begin()
        self._timed.header_bytes_left = None


class _Connection(HTTPConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        return _connected(self)


def _connected(connection: HTTPConnection) -> socket.socket:
    """Resolve once, and connect to the first address that answers in time."""
    call = _now()
    try:
        host = connection._dns_host  # noqa: SLF001 - the host as it is looked up
        addresses = call.resolve(host, connection.port, call.left_s(call.connect_s))
    except socket.gaierror as exc:
        raise NameResolutionError(connection.host, connection, exc) from None
    except TimeoutError:
        raise ConnectTimeoutError(connection, "resolving timed out") from None
    error: OSError | None = None
    for family, address in addresses:
        try:
            return _socket_to(family, address, call)
        except OSError as exc:
            error = exc
    if isinstance(error, TimeoutError):
        raise ConnectTimeoutError(connection, "connecting timed out") from None
    raise NewConnectionError(connection, "no address could be connected to") from None


def _socket_to(
    family: socket.AddressFamily, address: tuple[Any, ...], call: OnTheWire
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(call.left_s(call.connect_s))
        sys.audit("enrich.connect", address)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class TimedAdapter(HTTPAdapter):
    """The pool of such connections; never tries again by itself."""

    def __init__(self) -> None:
        super().__init__(pool_connections=_POOLED, pool_maxsize=_POOLED, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools; called by `requests`."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
