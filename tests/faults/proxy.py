"""A proxy on the loopback that does to a connection what networks and servers do.

It counts what it did, so that a test can prove that its fault happened.
"""

import random
import socket
import struct
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.ports import reserved_port

__all__ = ["Faults", "Proxy"]

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Faults:
    """What is done to the bytes; may be changed while connections are open.

    `blackhole` swallows all bytes both ways. `delay_s` holds each piece of a reply back, at most
    until connections are refused.
    `reset_share` is the share of replies cut in the middle by a reset, `close_share` by an orderly
    close; `corrupt_share` the share of a reply's bytes that are flipped. `slice_bytes` cuts replies
    into pieces of that size.
    """

    blackhole: bool = False
    delay_s: float = 0.0
    reset_share: float = 0.0
    close_share: float = 0.0
    corrupt_share: float = 0.0
    slice_bytes: int = 0


@dataclass(slots=True)
class Proxy:
    """Listens on a port of the loopback; `upstream` is a Unix socket's path, or `host:port`."""

    upstream: str
    seed: int = 1
    faults: Faults = field(default_factory=Faults)
    done: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _listener: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _refuses: threading.Event = field(default_factory=threading.Event)
    _held: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._random = random.Random(self.seed)
        self.port = self._held.enter_context(reserved_port())
        self.accept()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.refuse()
        self._held.close()

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"redis://127.0.0.1:{self.port}/0"

    def accept(self) -> None:
        """Take connections, on the same port as before."""
        self._refuses.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._start(self._accept_all, self._listener)

    def refuse(self) -> None:
        """Refuse connections and cut those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # A thread in accept() keeps the port open until it is woken.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            # The first of the threads accepts; nothing is opened after it has ended.
            self._threads.pop(0).join()
        self.cut()
        self._refuses.set()
        # A connection is gone when nobody reads from it any more, and not before.
        while self._threads:
            self._threads.pop().join()

    def cut(self) -> None:
        """Reset the connections that are open."""
        for side in list(self._open):
            self._kill(side, reset=True)
        self.done["cut"] += 1

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        thread.start()
        # Who waits for the threads may join one that has begun, and no other.
        self._threads.append(thread)

    def _accept_all(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.done["connections"] += 1
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                server = _connected(self.upstream)
            except OSError:  # it is down: so are we
                client.close()
                continue
            self._open |= {client, server}
            self._start(self._carry, client, server, False)
            self._start(self._carry, server, client, True)

    def _carry(self, source: socket.socket, sink: socket.socket, is_reply: bool) -> None:
        try:
            while piece := source.recv(_CHUNK):
                if self.faults.blackhole:
                    self.done["swallowed"] += 1
                elif not is_reply:
                    sink.sendall(piece)
                elif not self._reply(sink, piece):
                    break
        except OSError:
            pass
        self._kill(source)
        self._kill(sink)

    def _reply(self, sink: socket.socket, piece: bytes) -> bool:
        if self.faults.delay_s:
            self.done["delayed"] += 1
            self._refuses.wait(self.faults.delay_s)
        draw = self._random.random()
        if draw < self.faults.reset_share + self.faults.close_share:
            sink.sendall(piece[: len(piece) // 2])
            resets = draw < self.faults.reset_share
            self.done["reset" if resets else "closed"] += 1
            self._kill(sink, reset=resets)
            return False
        self._send(sink, self._corrupted(piece))
        return True

    def _send(self, sink: socket.socket, piece: bytes) -> None:
        size = self.faults.slice_bytes or len(piece)
        for at in range(0, len(piece), size):
            sink.sendall(piece[at : at + size])
            self.done["pieces"] += 1

    def _corrupted(self, piece: bytes) -> bytes:
        share = self.faults.corrupt_share
        hit = [at for at in range(len(piece)) if self._random.random() < share] if share else []
        if not hit:
            return piece
        self.done["corrupted"] += 1
        damaged = bytearray(piece)
        for at in hit:
            damaged[at] ^= 1 << self._random.randrange(8)
        return bytes(damaged)

    def _kill(self, side: socket.socket, *, reset: bool = False) -> None:
        self._open.discard(side)
        try:
            if reset:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # Both wake a thread that reads here; only without an orderly end does close() reset.
            side.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
        except OSError:
            pass  # it was gone already
        side.close()


def _connected(upstream: str) -> socket.socket:
    if not upstream.startswith("/"):
        host, _, port = upstream.rpartition(":")
        reached = socket.create_connection((host, int(port)), timeout=10)
        reached.settimeout(None)
        return reached
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(upstream)
    except OSError:
        server.close()
        raise
    return server
