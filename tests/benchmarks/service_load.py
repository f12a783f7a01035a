"""`python -m tests.benchmarks.service_load`: profiles submitted at a fixed rate, then asked about.

The caller is a process of its own. It sends by the clock and never waits for an answer before the
next request: what a slow answer holds up counts as the service's delay. How long a job took is told
by the service itself, from its submit to its end.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from rich.console import Console

from enrich import embedded
from enrich.cli.workers import stopped_by_signals
from tests.acceptance.service import Service, serving_all
from tests.faults.instant import NAMES, PLACES
from tests.waiting import eventually

_FILE = Path(__file__).parents[2] / "build" / "bench" / "service-load.json"
_DRAIN_S = 600.0
_READERS = 32
_CONNECTIONS = 256
_PATIENCE_S = 60.0
_OPEN = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'processing')"
_ENDS = """
    SELECT state, extract(epoch FROM updated_at - created_at)::float8 FROM jobs
    WHERE candidate_id LIKE 'load-%'
"""
_JOBS = "SELECT id::text FROM jobs ORDER BY random() LIMIT 500"


def main() -> int:
    """Measure, print and write; 1 when a request or a job failed."""
    asked = _arguments()
    if asked.drive:
        return _drive(asked)
    settings = {
        "ENRICH_PROVIDERS__NAMES": NAMES[0],
        "ENRICH_PROVIDERS__MODULES": PLACES[0],
        "ENRICH_LOG__LEVEL": "WARNING",
        **dict(pair.split("=", 1) for pair in asked.setting),
    }
    with stopped_by_signals(), serving_all(settings=settings) as service:
        told = _measured(service, asked)
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(told, indent=2) + "\n")
    Console().print_json(data=told)
    failed = told["submit"]["errors"] or told["read"]["errors"] or told["jobs"].get("failed")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200.0, help="submits a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--read-seconds", type=float, default=10.0)
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--drive", choices=["submit", "read"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--key", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measured(service: Service, asked: argparse.Namespace) -> dict[str, Any]:
    home = Path(service.shell.environment["ENRICH_HOME"])
    database = embedded.start(home, only=[embedded.Server.POSTGRES]).endpoints.database_url
    # What the first request loads is no part of the figure.
    _driven(service, "submit", rate=20, seconds=2)
    assert eventually(lambda: _query(database, _OPEN) == [(0,)])
    _query(database, "DELETE FROM jobs")
    submit = _driven(service, "submit", rate=asked.rate, seconds=asked.seconds)
    began_s = time.monotonic()
    assert eventually(lambda: _query(database, _OPEN) == [(0,)], within_s=_DRAIN_S, every_s=0.25)
    drained_s = time.monotonic() - began_s
    ends = _query(database, _ENDS)
    read = _driven(
        service, "read", rate=0, seconds=asked.read_seconds, jobs=_query(database, _JOBS)
    )
    return {
        "rate": asked.rate,
        "seconds": asked.seconds,
        "submit": submit,
        "jobs": Counter(state for state, _ in ends),
        "completion_s": _percentiles([took_s for _, took_s in ends]),
        "drained_after_s": round(drained_s, 2),
        "read": read,
    }


def _query(database: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(database)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _driven(
    service: Service, what: str, *, rate: float, seconds: float, jobs: Sequence[Any] = ()
) -> dict[str, Any]:
    """Have another process send, and give what it measured."""
    command = [sys.executable, "-m", "tests.benchmarks.service_load", "--drive", what]
    command += ["--rate", str(rate), "--seconds", str(seconds)]
    command += ["--url", service.url, "--key", service.key]
    done = subprocess.run(
        command, input=json.dumps([job for (job,) in jobs]), text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _drive(asked: argparse.Namespace) -> int:
    work = _submit(asked) if asked.drive == "submit" else _read(asked, json.load(sys.stdin))
    sys.stdout.write(json.dumps(asyncio.run(work)))
    return 0


class _Caller:
    """Sends requests over connections that are kept, and reads no more of an answer than it must.

    A client for all needs takes as long for a request as the service does, on the same two cores.
    """

    def __init__(self, asked: argparse.Namespace) -> None:
        place = urlsplit(asked.url)
        self._host, self._port = str(place.hostname), int(place.port or 80)
        self._headers = (
            f"Host: {place.netloc}\r\nAuthorization: Bearer {asked.key}\r\n"
            "X-Tenant-ID: default\r\nContent-Type: application/json\r\n"
        )
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._room = asyncio.Semaphore(_CONNECTIONS)

    async def ask(self, method: str, path: str, body: bytes = b"") -> int:
        """Give the status of an answer that has been read to its end."""
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        async with self._room, asyncio.timeout(_PATIENCE_S):
            reader, writer = (
                self._idle.pop()
                if self._idle
                else await asyncio.open_connection(self._host, self._port)
            )
            writer.write(head.encode() + body)
            told = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(told.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            self._idle.append((reader, writer))
            return int(told.split(b" ", 2)[1])

    def close(self) -> None:
        """Close what is kept."""
        for _, writer in self._idle:
            writer.close()


async def _submit(asked: argparse.Namespace) -> dict[str, Any]:
    took_s: list[float] = []
    errors: Counter[str] = Counter()
    run, caller = f"{time.time_ns():x}", _Caller(asked)

    async def send(number: int, due_s: float) -> None:
        profile = {"fullName": f"Ada Lovelace {number}", "employer": f"Tools {number} Ltd"}
        body = json.dumps({"candidateId": f"load-{run}-{number}", "payload": profile})
        try:
            status = await caller.ask("POST", "/v1/enrich/profile", body.encode())
        except (OSError, EOFError) as exc:
            errors[type(exc).__name__] += 1
            return
        if status != 202:
            errors[str(status)] += 1
        took_s.append(time.perf_counter() - due_s)

    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(asked.rate * asked.seconds)):
            due_s = began_s + number / asked.rate
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            group.create_task(send(number, due_s))
    caller.close()
    return _told(took_s, errors, len(took_s) / (time.perf_counter() - began_s))


async def _read(asked: argparse.Namespace, jobs: Sequence[str]) -> dict[str, Any]:
    took_s: list[float] = []
    errors: Counter[str] = Counter()
    until_s, caller = time.perf_counter() + asked.seconds, _Caller(asked)

    async def ask(start: int) -> None:
        place = start
        while time.perf_counter() < until_s:
            began_s = time.perf_counter()
            status = await caller.ask("GET", f"/v1/enrich/status/{jobs[place % len(jobs)]}")
            took_s.append(time.perf_counter() - began_s)
            if status != 200:
                errors[str(status)] += 1
            place += _READERS

    await asyncio.gather(*(ask(start) for start in range(_READERS)))
    caller.close()
    return _told(took_s, errors, len(took_s) / asked.seconds)


def _told(took_s: Sequence[float], errors: Counter[str], rate: float) -> dict[str, Any]:
    return {
        "requests": len(took_s),
        "a_second": round(rate, 1),
        "errors": sum(errors.values()),
        "by_error": errors,
        "took_s": _percentiles(took_s),
    }


def _percentiles(took_s: Sequence[float]) -> dict[str, float]:
    ordered = sorted(took_s) or [0.0]
    places = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)
        for name, share in places.items()
    }


if __name__ == "__main__":
    sys.exit(main())
