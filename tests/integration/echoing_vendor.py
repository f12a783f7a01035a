"""A vendor that tells everything it was sent: as an error, as rubbish, as a page, as a value."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Asked", "EchoingVendor", "echoing_vendor"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(slots=True)
class EchoingVendor:
    """Where it is, and what it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


class _Server(ThreadingHTTPServer):
    #: The usual five are soon too few when this process gets little of the machine.
    request_queue_size = 128


@contextmanager
def echoing_vendor() -> Iterator[EchoingVendor]:
    """Serve on a free port of the loopback while the block lasts."""
    vendor = EchoingVendor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            told = Asked(self.command, self.path, tuple(self.headers.items()), body)
            vendor.asked.append(told)
            status, reply = _reply(vendor, told)
            self.send_response(status)
            self.send_header("X-Echo", "; ".join(f"{k}={v}" for k, v in told.headers)[:4000])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_POST = _answer  # noqa: N815 - the library's names

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield vendor
    finally:
        vendor.stopped.set()
        server.shutdown()
        server.server_close()


def _reply(vendor: EchoingVendor, asked: Asked) -> tuple[int, bytes]:
    echo = json.dumps({"name": repr(asked), "error": repr(asked)}).encode()
    kinds = {
        "refused": (401, echo),
        "broken": (500, echo),
        "cut": (200, echo[:-2]),
        "page": (200, b"<html>" + echo),
        "value": (200, echo),
        "limited": (429, echo),
    }
    if "hang" in asked.target:
        vendor.stopped.wait()
    word = next((word for word in kinds if f"/{word}" in asked.target), "")
    return kinds.get(word, (404, b"{}"))
