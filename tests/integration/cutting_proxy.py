"""A proxy before PostgreSQL that lets a commit through and keeps its answer to itself."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

#: What commits: the word itself, or a statement that is a transaction of its own.
_COMMITS = (b"COMMIT\x00", b"settle_batch(")


@dataclass(slots=True)
class CuttingProxy:
    """While `armed` is set, the next commit is carried out and its connection cut."""

    url: str
    armed: threading.Event = field(default_factory=threading.Event)


@contextmanager
def cutting_proxy(database_url: str) -> Iterator[CuttingProxy]:
    """Listen on a port of the loopback and pass bytes on; closes with the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    parts = urlsplit(database_url)
    login = parts.netloc.rpartition("@")[0]
    address = f"{login}@127.0.0.1:{listener.getsockname()[1]}"
    url = parts._replace(netloc=address, query="sslmode=disable&gssencmode=disable").geturl()
    proxy = CuttingProxy(url)
    threading.Thread(target=_accept, args=(listener, database_url, proxy), daemon=True).start()
    try:
        yield proxy
    finally:
        listener.close()


def _accept(listener: socket.socket, database_url: str, proxy: CuttingProxy) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, database_url, proxy), daemon=True).start()


def _serve(client: socket.socket, database_url: str, proxy: CuttingProxy) -> None:
    cut = threading.Event()
    with client, _connect(database_url) as server:
        back = threading.Thread(target=_pass_answers, args=(server, client, cut), daemon=True)
        back.start()
        with suppress(OSError):
            while data := client.recv(65536):
                if proxy.armed.is_set() and any(word in data for word in _COMMITS):
                    proxy.armed.clear()
                    cut.set()
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        back.join(timeout=60)


def _pass_answers(server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
    with suppress(OSError):
        # The answer to the commit is awaited, so it is done, and then nobody hears of it.
        while (data := server.recv(65536)) and not cut.is_set():
            client.sendall(data)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def _connect(database_url: str) -> socket.socket:
    parts = urlsplit(database_url)
    host = parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0]
    port = parts.port or 5432
    if not host.startswith("/"):
        server = socket.create_connection((host, port), timeout=60)
        server.settimeout(None)
        return server
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server
