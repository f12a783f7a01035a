"""A provider in a process of its own that writes down every question before it answers it.

Its book is a SQLite file, so it outlives whatever happens to those who ask, and to itself. Run as
`python -m tests.faults.ledger BOOK PORT [LATENCY_S]`; `Book` reads the file.

A question is `POST /<provider>/<key>`. Asked again with the same `Idempotency-Key`, it answers as
before and charges nothing. `GET /<provider>/<idempotency key>` tells what was answered, 404 when
nothing was. A question without that header is charged each time.
"""

import json
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["Book", "serve"]

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS calls (
        id INTEGER PRIMARY KEY, provider TEXT NOT NULL, key TEXT NOT NULL, idempotency TEXT,
        charged INTEGER NOT NULL, began_s REAL NOT NULL, ended_s REAL);
    CREATE INDEX IF NOT EXISTS by_key ON calls (provider, key);
    CREATE INDEX IF NOT EXISTS by_idempotency ON calls (provider, idempotency);
"""


@dataclass(frozen=True, slots=True)
class Book:
    """What a provider was asked; moments are seconds of the system's clock."""

    path: Path

    def make(self) -> None:
        """Make it where it is not there yet."""
        book = sqlite3.connect(self.path, timeout=30)
        book.executescript(_SCHEMA)
        book.close()

    def charged(self, provider: str) -> int:
        """Count the questions that cost something."""
        return self._one("SELECT count(*) FROM calls WHERE provider = ? AND charged", provider)

    def asked(self, provider: str) -> int:
        """Count all questions, repeated ones too."""
        return self._one("SELECT count(*) FROM calls WHERE provider = ?", provider)

    def keys(self, provider: str) -> int:
        """Count the different rows that were asked about."""
        return self._one("SELECT count(DISTINCT key) FROM calls WHERE provider = ?", provider)

    def in_flight(self, provider: str, at_s: float) -> int:
        """Count the questions that had come and were not answered at that moment."""
        return self._one(
            "SELECT count(*) FROM calls WHERE provider = ? AND began_s <= ?"
            " AND (ended_s IS NULL OR ended_s >= ?)",
            provider,
            at_s,
            at_s,
        )

    def _one(self, query: str, *values: object) -> int:
        with sqlite3.connect(self.path, timeout=30) as book:
            found = int(book.execute(query, values).fetchone()[0])
        book.close()
        return found


class _Writer:
    """The book, open for writing."""

    def __init__(self, path: Path) -> None:
        Book(path).make()
        self._lock = threading.Lock()
        self._book = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, timeout=30
        )
        self._book.execute("PRAGMA journal_mode = WAL")
        self._book.execute("PRAGMA synchronous = OFF")

    def begin(self, provider: str, key: str, idempotency: str | None) -> int:
        """Note a question; gives its number in the book."""
        with self._lock:
            row = self._book.execute(
                "INSERT INTO calls (provider, key, idempotency, charged, began_s)"
                " SELECT ?1, ?2, ?3, ?3 IS NULL OR NOT EXISTS ("
                "   SELECT 1 FROM calls WHERE provider = ?1 AND idempotency = ?3), ?4",
                (provider, key, idempotency, time.time()),
            )
            return int(row.lastrowid or 0)

    def end(self, number: int) -> None:
        """Note that its answer leaves."""
        with self._lock:
            self._book.execute("UPDATE calls SET ended_s = ? WHERE id = ?", (time.time(), number))

    def find(self, provider: str, idempotency: str) -> str | None:
        """Give the key that was asked about under an idempotency key."""
        with self._lock:
            found = self._book.execute(
                "SELECT key FROM calls WHERE provider = ? AND idempotency = ?",
                (provider, idempotency),
            ).fetchone()
        return found and str(found[0])


def serve(book: Path, port: int, latency_s: float) -> ThreadingHTTPServer:
    """Make the server; `serve_forever` runs it."""
    writer = _Writer(book)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            _, provider, key = self.path.split("/", 2)
            number = writer.begin(provider, key, self.headers.get("Idempotency-Key"))
            time.sleep(latency_s)
            writer.end(number)
            self._answer(200, key)

        def do_GET(self) -> None:
            _, provider, idempotency = self.path.split("/", 2)
            key = writer.find(provider, idempotency)
            self._answer(200 if key else 404, key or "")

        def _answer(self, status: int, key: str) -> None:
            body = json.dumps({"value": f"about {key}"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


if __name__ == "__main__":
    latency = float(sys.argv[3]) if len(sys.argv) > 3 else 0.02
    with serve(Path(sys.argv[1]), int(sys.argv[2]), latency) as running:
        running.serve_forever()
