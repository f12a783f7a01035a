"""A vendor of one's own: its file, and a server on loopback that says what the test wants."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from click.testing import CliRunner, Result

from enrich.cli.main import cli

__all__ = [
    "FOUND",
    "NOTHING",
    "NO_CREDITS",
    "REFUSED",
    "TOO_MANY",
    "OwnVendor",
    "Terminal",
    "own_vendor",
]

Said: TypeAlias = tuple[int, Mapping[str, str], str]

FOUND: Said = (200, {}, '{"size": 1200, "place": "Biel"}')
NOTHING: Said = (404, {}, "{}")
NO_CREDITS: Said = (402, {}, "{}")
TOO_MANY: Said = (429, {"Retry-After": "1"}, "{}")
REFUSED: Said = (403, {}, "{}")

_FILE = """\
name = "{name}"
title = "A vendor of one's own"
tier = "free"
licence = "its own"
source = "https://example.com/docs"
data_class = "company"
base_url = "{url}"
inputs = [["domain"]]
{more}
[auth]
kind = "header"
name = "X-Api-Key"
[[request]]
needs = ["domain"]
path = "/companies/{{domain|lower}}"
[[outcomes]]
status = 404
outcome = "not_found"
[response.fields]
employees = {{ path = "size", type = "integer", prior = 0.9 }}
city = {{ path = "place", prior = 0.9 }}
[[example]]
name = "known"
inputs = {{ domain = "example.com" }}
body = '{{"size": 7}}'
outcome = "found"
"""


@dataclass(slots=True)
class OwnVendor:
    """Where it is, how many calls came, and what the next ones are told; the last is repeated.

    With `per_s` it answers so many calls in any second, and says 429 to the others.
    """

    name: str
    url: str = ""
    says: Sequence[Said] = (FOUND,)
    calls: int = 0
    per_s: int = 0
    taken_at_s: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def file(self, more: str = "") -> str:
        """Write its file, with lines of its own above the tables."""
        return _FILE.format(name=self.name, url=self.url, more=more)

    def next_said(self) -> Said:
        """Count a call and give what it is told."""
        with self.lock:
            self.calls += 1
            if self.per_s and self._is_too_many(time.monotonic()):
                return TOO_MANY
            said, *later = self.says
            self.says = later or [said]
            return said

    def _is_too_many(self, now_s: float) -> bool:
        self.taken_at_s = [at_s for at_s in self.taken_at_s if now_s - at_s < 1]
        if len(self.taken_at_s) >= self.per_s:
            return True
        self.taken_at_s.append(now_s)
        return False


@dataclass(frozen=True, slots=True)
class Terminal:
    """Runs `enrich` in this process: nothing is started, so a test may type a lot."""

    runner: CliRunner

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command line to its end."""
        return self.runner.invoke(cli, list(arguments), input=stdin)

    def json(self, *arguments: str) -> Any:
        """Run a command line with `--json`, and read what it prints."""
        return json.loads(self(*arguments, "--json").stdout)


@contextmanager
def own_vendor(name: str) -> Iterator[OwnVendor]:
    """Serve on a free port of the loopback while the block lasts."""
    vendor = OwnVendor(name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            status, headers, body = vendor.next_said()
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
