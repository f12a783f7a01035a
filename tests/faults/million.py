"""`python -m tests.faults.million --rows N --for S`: one long run, and what it takes meanwhile.

A table of that many rows (a million by default) is enriched by providers that answer at once, on
servers of this program's own. Every few seconds it prints the memory of Redis, worker and
scheduler, the connections of PostgreSQL, and how many messages wait; and all along somebody asks
for single cells of another table, whose latency is set beside that of an idle system. With `--for`
the run is cancelled after as many seconds, and what is called in the second after that is counted.
"""

import math
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg2
import redis

from enrich.domain.table import Column
from tests.faults.instant import CALLS, NAMES, PLACES

if TYPE_CHECKING:
    from enrich.bootstrap import Services

#: A cancel must have ended all calls after the first of these; then it is watched.
_LAST_CALLS_S, _AFTER_S = 1.0, 5.0
_ASKED_IDLE, _EVERY_S, _PRINT_S = 30, 0.5, 10.0
_ROWS = """
    INSERT INTO rows (table_id, tenant_id, key, data)
    SELECT id, tenant_id, 'row_' || n, jsonb_build_object('company', 'Company ' || n)
    FROM tables, generate_series(1, %s) AS n WHERE name = %s
"""


@dataclass(slots=True)
class _Figures:
    """What was seen while the run was under way."""

    redis_bytes: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)
    resident: dict[str, list[int]] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--for", "for_s", type=float, help="Cancel the run after as many seconds.")
def main(*, rows: int, for_s: float | None) -> None:
    """Enrich a long table, and print what it takes."""
    home = Path(tempfile.mkdtemp(prefix="enrich-m-"))
    os.environ |= {
        "ENRICH_HOME": str(home),
        "ENRICH_PROVIDERS__NAMES": ",".join(NAMES),
        "ENRICH_PROVIDERS__MODULES": ",".join(PLACES),
        "ENRICH_LOG__LEVEL": "WARNING",
        CALLS: str(home / "calls"),
    }
    try:
        with ExitStack() as stack:
            _measure(rows, for_s or math.inf, stack, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _measure(rows: int, for_s: float, stack: ExitStack, home: Path) -> None:
    # Imported late: the settings are read when they are.
    from enrich.bootstrap import build
    from enrich.cli.workers import (
        beat_program,
        dispatching,
        own_servers,
        wait_until_ready,
        worker_programs,
    )
    from enrich.embedded.processes import Supervisor
    from enrich.engine.submit import RunRequest, submit
    from tasks import enrich_cell

    stack.enter_context(own_servers())
    services = build()
    stack.callback(services.close)
    for table, count in (("long", rows), ("short", 10_000)):
        _make_table(services, table, count)
    workers = worker_programs(1, log=home)
    supervisor = Supervisor([*workers, beat_program(log=home / "beat.log")])
    stack.enter_context(supervisor)
    for worker in workers:
        wait_until_ready(supervisor, worker)
    pids = dict(supervisor.pids)
    dispatcher = stack.enter_context(dispatching())
    asked = iter(range(1, 10_000))

    def latency_s() -> float:
        started_s = time.monotonic()
        enrich_cell.delay("short", f"row_{next(asked)}", "industry").get(timeout=60)
        return time.monotonic() - started_s

    latency_s()
    idle = [latency_s() for _ in range(_ASKED_IDLE)]
    started_s = time.monotonic()
    begun = submit(services.parts, RunRequest(table="long"))
    submitted_s = time.monotonic() - started_s
    dispatcher.dispatch(begun.steps)
    click.echo(f"{rows} rows stored as a run in {submitted_s:.1f} s; {len(begun.steps)} steps sent")
    seen = _watch(services, begun.run.id, pids, latency_s, until_s=started_s + for_s)
    took_s = time.monotonic() - started_s
    if services.parts.runs.ended(begun.run.id) is None:
        _cancel(services, begun.run.id)
    _report(services, begun.run.id, seen, idle, took_s)


def _make_table(services: "Services", table: str, rows: int) -> None:
    company = Column(key="company", field="company_name")
    industry = Column(key="industry", field="industry", enriched=True, position=1)
    services.parts.rows.save_columns("default", table, [company, industry])
    with _connection(services) as cursor:
        cursor.execute(_ROWS, (rows, table))


@contextmanager
def _connection(services: "Services") -> Iterator[Any]:
    connection = psycopg2.connect(services.endpoints.database_url)
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _cancel(services: "Services", run_id: int) -> None:
    calls = Path(os.environ[CALLS])
    services.parts.runs.cancel("default", run_id)
    sizes = [calls.stat().st_size]
    for wait_s in (_LAST_CALLS_S, _AFTER_S):
        time.sleep(wait_s)
        sizes.append(calls.stat().st_size)
    state = services.parts.runs.summary("default", run_id).state.value
    click.echo(
        f"{state}: {sizes[1] - sizes[0]} calls in the first {_LAST_CALLS_S:g} s after that, "
        f"{sizes[2] - sizes[1]} in the next {_AFTER_S:g} s"
    )


def _watch(
    services: "Services",
    run_id: int,
    pids: Mapping[str, int],
    latency_s: Callable[[], float],
    *,
    until_s: float,
) -> _Figures:
    # Imported late: the settings are read when it is.
    from tasks.settings import QUEUES

    seen = _Figures()
    printed_s = 0.0
    with redis.Redis.from_url(services.endpoints.broker_url) as client, _connection(services) as pg:
        while services.parts.runs.ended(run_id) is None and time.monotonic() < until_s:
            seen.latencies_s.append(latency_s())
            seen.redis_bytes.append(client.info("memory")["used_memory"])
            seen.waiting.append(sum(client.llen(q) for q in QUEUES) + client.hlen("unacked"))
            pg.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            seen.connections.append(pg.fetchone()[0])
            for name, pid in pids.items():
                seen.resident.setdefault(name, []).append(_resident(pid))
            if time.monotonic() - printed_s > _PRINT_S:
                printed_s = time.monotonic()
                _print_line(services, run_id, seen)
            time.sleep(_EVERY_S)
    return seen


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def _print_line(services: "Services", run_id: int, seen: _Figures) -> None:
    done = services.parts.runs.summary("default", run_id).batches.get("done", 0)
    sizes = "  ".join(f"{name} {_mb(each[-1])}" for name, each in seen.resident.items())
    click.echo(
        f"  {done:>5} batches done  Redis {_mb(seen.redis_bytes[-1])}  {sizes}  "
        f"{seen.waiting[-1]} messages  {seen.connections[-1]} connections  "
        f"cell {seen.latencies_s[-1] * 1000:.0f} ms",
    )


def _report(
    services: "Services", run_id: int, seen: _Figures, idle: list[float], took_s: float
) -> None:
    summary = services.parts.runs.summary("default", run_id)
    click.echo(
        f"{summary.rows} rows, {summary.counts.filled} cells filled, batches {summary.batches}, "
        f"in {took_s:.0f} s: {summary.counts.filled / took_s:.0f} cells a second"
    )
    click.echo(f"Redis       {_span(seen.redis_bytes)}")
    for name, sizes in seen.resident.items():
        click.echo(f"{name:<11} {_span(sizes)}")
    click.echo(f"messages    {min(seen.waiting)} to {max(seen.waiting)}")
    click.echo(f"connections {min(seen.connections)} to {max(seen.connections)}")
    for name, latencies in (("idle", idle), ("meanwhile", seen.latencies_s)):
        median, worst = statistics.median(latencies), max(latencies)
        click.echo(
            f"a cell, {name}: median {median * 1000:.0f} ms, "
            f"95 of 100 within {sorted(latencies)[int(len(latencies) * 0.95)] * 1000:.0f} ms, "
            f"worst {worst * 1000:.0f} ms of {len(latencies)}"
        )


def _span(sizes: list[int]) -> str:
    third = max(1, len(sizes) // 3)
    early, late = statistics.median(sizes[:third]), statistics.median(sizes[-third:])
    return (
        f"{_mb(min(sizes))} to {_mb(max(sizes))}; "
        f"median of the first third {_mb(early)}, of the last {_mb(late)}"
    )


def _mb(size: float) -> str:
    return f"{size / 2**20:.1f} MB"


if __name__ == "__main__":
    main()
