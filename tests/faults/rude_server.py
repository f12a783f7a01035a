"""An HTTP server on the loopback that says, byte for byte, what a test tells it to say."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["Rude", "http", "rude_server"]

#: Says something to a client; may take its time, or never end.
Script = Callable[[socket.socket], None]


@dataclass(slots=True)
class Rude:
    """The server: where it is, what it was asked, and what it will say next."""

    url: str
    requests: list[str] = field(default_factory=list)
    #: Taken from the front; the last one is said again and again.
    scripts: list[bytes | Script] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def says(self, *scripts: bytes | Script) -> None:
        """Set what the next requests are answered with."""
        self.scripts = list(scripts)

    def bodies(self) -> list[str]:
        """Give the bodies of the requests."""
        return [request.partition("\r\n\r\n")[2] for request in self.requests]

    def drips(self, start: bytes, drop: bytes) -> None:
        """Answer with a start, and then with a drop at a time, for ever."""

        def script(client: socket.socket) -> None:
            client.sendall(start)
            while not self.stopped.wait(0.02):
                client.sendall(drop)

        self.says(script)


def http(
    body: bytes | str = b"", *headers: str, status: str = "200 OK", length: int | None = None
) -> bytes:
    """Write a reply; `length` lies about the body's."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(line.lower().startswith(("transfer-encoding", "content-type")) for line in headers):
        lines.append("Content-Type: application/json")
    if not any(line.lower().startswith("transfer-encoding") for line in headers):
        lines.append(f"Content-Length: {len(raw) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + raw


@contextmanager
def rude_server() -> Iterator[Rude]:
    """Listen on a free port of the loopback while the block lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    rude = Rude(f"http://127.0.0.1:{listener.getsockname()[1]}")
    accepting = threading.Thread(target=_accept, args=(listener, rude), daemon=True)
    accepting.start()
    try:
        yield rude
    finally:
        rude.stopped.set()
        # Who waits in accept() is woken by this, and by nothing else.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, rude: Rude) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        rude.connections += 1
        threading.Thread(target=_serve, args=(client, rude), daemon=True).start()


def _serve(client: socket.socket, rude: Rude) -> None:
    """Answer one request after the other on a connection, as long as the client stays."""
    with client, suppress(OSError):
        while request := _request(client):
            rude.requests.append(request)
            script = rude.scripts.pop(0) if len(rude.scripts) > 1 else rude.scripts[0]
            if callable(script):
                script(client)
                return
            client.sendall(script)
            if b"Connection: close" in script:
                return


def _request(client: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return ""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    named = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    wanted = int(named.get(b"content-length", b"0"))
    while len(body) < wanted and (more := client.recv(65536)):
        body += more
    return (head + b"\r\n\r\n" + body).decode("latin-1")
