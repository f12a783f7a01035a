"""Two real schedulers beside one worker, on a clock that jumps over what is due.

The clock is libfaketime's, for schedulers and worker alike; without it the moments alone are moved.
"""

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enrich.domain.schedule import Schedule
from enrich.embedded.processes import Program, Supervisor
from enrich.store.schedules import PostgresSchedules
from tests.integration.nodes import WorkerProcess, in_database
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.worker,
    pytest.mark.proof,
    pytest.mark.timeout(600),
]

_BROKER = 8
_LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
_RUNS = "SELECT count(*) FROM runs r JOIN tables t ON t.id = r.table_id WHERE t.name = :table"
_BERLIN = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Case:
    """A schedule, from when on the clock goes, and how many runs begin in that while."""

    cron: str
    next_at: str
    clock: str
    runs: int
    zone: str = _BERLIN


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


@contextmanager
def two_beats(environment: Mapping[str, str], folder: Path) -> Iterator[Sequence[Path]]:
    """Run two schedulers that share a folder, as two containers of one volume do."""
    celery = [sys.executable, "-m", "celery", "-A", "tasks", "beat", "--loglevel=INFO"]
    logs = [folder / f"beat{number}.log" for number in (1, 2)]
    programs = [
        Program(name=log.stem, command=[*celery, "--pidfile="], environment=environment, log=log)
        for log in logs
    ]
    with Supervisor(programs):
        yield logs


def asked(log: Path) -> int:
    """How often a scheduler has asked what is due."""
    return log.read_text(errors="replace").count("enrich.schedule") if log.exists() else 0


@pytest.mark.skipif(not _LIBRARY.exists(), reason="needs libfaketime")
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Case("*/10 * * * *", "2026-06-01T08:10", "2026-06-01 09:00:30", 1, "UTC"),
            id="over a missed hour",
        ),
        pytest.param(
            Case("30 2 * * *", "2026-03-29T01:00", "2026-03-29 00:59:50", 1),
            id="the clock put forward over its moment",
        ),
        pytest.param(
            Case("30 2 * * *", "2026-10-25T00:30", "2026-10-25 00:29:50", 1),
            id="the first of two moments where the clock is put back",
        ),
        pytest.param(
            Case("30 2 * * *", "2026-10-26T01:30", "2026-10-25 01:29:50", 0),
            id="the second of two moments where the clock is put back",
        ),
    ],
)
def test_two_beats_begin_each_moment_once(
    case: Case,
    world: World,
    worker_environment: Mapping[str, str],
    redis_url: str,
    start_worker: Callable[..., WorkerProcess],
    tmp_path: Path,
) -> None:
    table = world.make_table(1)
    PostgresSchedules(world.engine).add(
        Schedule(
            tenant="default",
            table=table,
            name=table,
            cron=case.cron,
            zone=case.zone,
            wish={"columns": ["website"]},
            next_at=at(case.next_at),
        )
    )
    clock = {"LD_PRELOAD": str(_LIBRARY), "FAKETIME": f"@{case.clock}", "TZ": "UTC"}
    own = {
        **worker_environment,
        "ENRICH_BROKER__URL": in_database(redis_url, _BROKER),
        "ENRICH_HOME": str(tmp_path),
    }
    # A thread that waits on the library's monotonic clock does not wake up.
    waking = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    worker = start_worker(f"clocked{secrets.token_hex(2)}", {**own, **clock, **waking})
    worker.ready()
    with two_beats({**own, **clock}, tmp_path) as logs:
        assert eventually(lambda: all(asked(log) >= 2 for log in logs), within_s=90), _tails(logs)
    worker.teardown()

    assert world.scalar(_RUNS, table=table) == case.runs
    kept = PostgresSchedules(world.engine).find("default", table)
    assert kept.next_at > at(case.next_at) - timedelta(seconds=case.runs == 0)


def _tails(logs: Sequence[Path]) -> str:
    return "\n".join(log.read_text(errors="replace")[-1500:] for log in logs if log.exists())
