"""Vendors of the catalogue on loopback, over real HTTP.

Each answers below its own name and the path of its address:
`http://127.0.0.1:PORT/gleif/api/v1/lei-records/…`. Below `/gleif@3/` the file's example of that
number is replayed, counted from 0, those of its [bulk] last. `/_ledger` tells what was asked.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from providers.simulator.asked import Incoming
from providers.simulator.behaviour import Behaviour, Fault
from providers.simulator.calling import call_back
from providers.simulator.ledger import Ledger
from providers.simulator.vendor import Sending, Vendor
from providers.spec.file import HttpSpec

__all__ = ["Simulator"]

_HOST = "127.0.0.1"
_BODY_BYTES_MAX = 4 * 1024 * 1024
_WITHOUT_BODY = frozenset({204, 304})
#: Closes a connection by a reset instead of an orderly end.
_ABORT = struct.pack("ii", 1, 0)


class Simulator:
    """A server of vendors, running until it is closed; `ledger` holds what it was asked."""

    def __init__(
        self,
        specs: Iterable[HttpSpec],
        behaviour: Behaviour | None = None,
        *,
        each: Mapping[str, Behaviour] | None = None,
        port: int = 0,
    ) -> None:
        """Listen on a port of loopback, a free one for 0; `each` gives vendors their own ways.

        Raises:
            OSError: the port is taken.
        """
        self.ledger = Ledger()
        common, own = behaviour or Behaviour(), each or {}
        self._vendors = {
            spec.name: Vendor(spec, own.get(spec.name, common), self.ledger) for spec in specs
        }
        self._server = _Server(self._vendors, self.ledger, port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="enrich-simulator", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The address that stands before each vendor's name."""
        return f"http://{_HOST}:{self._server.server_address[1]}"

    def url_of(self, vendor: str, example: int | None = None) -> str:
        """Give a vendor's base URL; with a number, one that replays an example of its file."""
        number = "" if example is None else f"@{example}"
        return f"{self.url}/{vendor}{number}{self._vendors[vendor].prefix}"

    def close(self) -> None:
        """Stop listening, break what is under way, and wait for its threads."""
        self._server.stopping.set()
        self._server.shutdown()
        self._server.break_connections()
        self._server.server_close()
        for calling in self._server.calling:
            calling.join()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # they are waited for at the end
    request_queue_size = 128

    def __init__(self, vendors: Mapping[str, Vendor], ledger: Ledger, port: int) -> None:
        self.vendors, self.ledger = vendors, ledger
        self.stopping = threading.Event()
        self.calling: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((_HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that leaves is none of our errors."""

    def break_connections(self) -> None:
        """End what is still open, so that its threads end."""
        with self._lock:
            left = list(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended meanwhile


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing; the ledger tells."""

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin a reply without the library's own headers."""
        self.send_response_only(code, message)

    def _serve(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _BODY_BYTES_MAX))
        path, _, query = self.path.partition("?")
        if path == "/_ledger":
            text = json.dumps(self.server.ledger.to_json()).encode()
            self._plain(200, text, "application/json")
            return
        name, _, rest = path.removeprefix("/").partition("/")
        name, _, number = name.partition("@")
        vendor = self.server.vendors.get(name)
        if vendor is None or not _is_example(vendor, number):
            self._plain(501, f"no vendor here; there are {', '.join(self.server.vendors)}".encode())
            return
        incoming = Incoming(
            method=self.command,
            path=f"/{rest}",
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            peer=str(self.client_address[0]),
        )
        at = datetime.now(UTC)
        self._send(
            vendor.replay(int(number), incoming, at=at)
            if number
            else vendor.answer(incoming, at=at, now_s=time.monotonic())
        )

    def _plain(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, sending: Sending) -> None:
        if sending.later is not None:
            self.server.calling.append(call_back(sending.later, self.server.stopping))
        if sending.delay_s and self.server.stopping.wait(sending.delay_s):
            return
        plan = sending.plan
        if sending.fault is Fault.RESET:
            self._reset()
            return
        self.send_response(plan.status)
        for name, value in plan.headers.items():
            self.send_header(name, value)
        body = b"" if plan.status in _WITHOUT_BODY else plan.body
        if plan.status not in _WITHOUT_BODY:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if sending.fault is Fault.CUT:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif sending.fault is Fault.DRIP:
            self._drip(body, sending.drip_s)
        else:
            self.wfile.write(body)

    def _drip(self, body: bytes, every_s: float) -> None:
        for place in range(len(body)):
            self.wfile.write(body[place : place + 1])
            if self.server.stopping.wait(every_s):
                return

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self.connection.close()
        self.close_connection = True


def _is_example(vendor: Vendor, number: str) -> bool:
    return not number or (number.isdigit() and int(number) < len(vendor.spec.replies))
