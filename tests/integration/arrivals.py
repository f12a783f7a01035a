"""A provider's server that takes down when each call left, by its address, and when it came."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

__all__ = ["counting_server"]


@contextmanager
def counting_server(now_ns: Callable[[], int]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Give its port, and (number in the address, arrival) of each call, in µs of that clock."""
    seen: list[tuple[int, int]] = []

    class Count(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append((int(self.path[1:]), now_ns() // 1000))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Count)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port, seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
