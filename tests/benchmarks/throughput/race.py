"""The ways to the same cells, each measured in turn, round after round, beside the others."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from enrich.embedded import celery_url
from enrich.embedded.processes import Program, Supervisor
from tests.benchmarks.throughput import peers
from tests.benchmarks.throughput.ours import Installation
from tests.benchmarks.throughput.vendors import FIELDS

__all__ = ["BATCH", "DELAYED", "OURS", "Result", "peer_environment", "peers_running", "race"]

BATCH, AGAIN, DELAYED = "enrich, a batch", "enrich, answers cached", "enrich, .delay() a row"
OURS = frozenset({BATCH, AGAIN, DELAYED})
_DB = 5
_THREADS = 24
#: Tasks of a loop cost no thread each.
_TASKS = 1000
_PATIENCE_S = 240.0
_CELERY = ("-m", "celery", "-A", "tests.benchmarks.throughput.chords", "worker")


@dataclass(frozen=True, slots=True)
class Result:
    """What one way came to: the rows of a round, and cells a second by round."""

    rows: int
    rates: Sequence[float]

    @property
    def rate(self) -> float:
        """The median."""
        return median(self.rates)


def peer_url(broker_url: str) -> str:
    """Give the address of a database of the embedded server that is nobody else's."""
    address, _, _ = broker_url.partition("?")
    return f"{address}?db={_DB}"


@contextmanager
def peers_running(python: str, environment: Mapping[str, str], home: Path) -> Iterator[None]:
    """Run the workers of the peers: two processes of as many threads as ours, each."""
    celery = [python, *_CELERY, "--pool=threads", f"--concurrency={_THREADS}", "--loglevel=ERROR"]
    more = ("--without-gossip", "--without-mingle", "-Q", "chords")
    actors = [
        python, "-m", "dramatiq", "tests.benchmarks.throughput.groups",
        "--processes", "2", "--threads", str(_THREADS),
    ]  # fmt: skip
    programs = [
        Program(
            name=name,
            command=[*celery, *more, f"--hostname={name}@bench"],
            environment=environment,
            log=home / f"{name}.log",
        )
        for name in ("chords1", "chords2")
    ]
    taskiq = [
        python, "-m", "taskiq", "worker", "tests.benchmarks.throughput.gathers:broker",
        "--workers", "2", "--max-async-tasks", str(_TASKS), "--log-level", "ERROR",
    ]  # fmt: skip
    programs += [
        Program(name=name, command=command, environment=environment, log=home / f"{name}.log")
        for name, command in (("actors", actors), ("gathers", taskiq))
    ]
    with Supervisor(programs):
        yield


def race(installation: Installation, *, rows: int, rounds: int) -> Mapping[str, Result]:
    """Run all ways that many times by turns. Slow ones get fewer rows, and the rate is theirs."""
    # Imported late: what they import reads its addresses when it is imported.
    from tests.benchmarks.throughput import chords, gathers, groups

    some, few = max(rows // 20, 40), max(rows // 100, 20)
    ways: dict[str, tuple[int, Callable[[int], float]]] = {
        BATCH: (rows, lambda n: installation.batch(installation.table(n))),
        AGAIN: (rows, lambda n: _again(installation, n)),
        DELAYED: (some, lambda n: _delayed(installation, n)),
        "asyncio script": (rows, lambda n: peers.script(installation.table(n))),
        "dramatiq, one message a row": (some, lambda n: _sent(installation, n, groups.by_message)),
        "dramatiq, a group a row": (some, lambda n: _sent(installation, n, groups.by_group)),
        "taskiq, one message a row": (some, lambda n: _sent(installation, n, gathers.by_message)),
        "taskiq, a task a provider": (some, lambda n: _sent(installation, n, gathers.by_gather)),
        "Celery, a chord a row": (few * 2, lambda n: _sent(installation, n, chords.by_row)),
        "Celery, a chord a cell": (few, lambda n: _sent(installation, n, chords.by_cell)),
        "PostgreSQL alone": (rows, lambda n: peers.bulk_write(installation.table(n))),
        "Redis alone": (rows, lambda n: peers.bare_redis(_redis_url(installation), n)),
    }
    for name, (count, work) in ways.items():
        if name not in {"PostgreSQL alone", "Redis alone"}:
            work(max(20, count // 20))  # warm
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (count, work) in ways.items():
            rates[name].append(count * len(FIELDS) / work(count))
    # Nobody waits for what these chords give; Celery would unsubscribe when the server is gone.
    chords.app.backend.result_consumer.subscribed_to.clear()
    return {name: Result(ways[name][0], rates[name]) for name in ways}


def _again(installation: Installation, rows: int) -> float:
    """Enrich a table of companies about which everybody was asked before."""
    before = installation.table(rows)
    installation.batch(before)
    return installation.batch(installation.table(rows, company=before))


def _delayed(installation: Installation, rows: int) -> float:
    # Imported late: it reads the settings.
    from tasks import enrich_row

    table = installation.table(rows)
    started_s = time.perf_counter()
    for number in range(1, rows + 1):
        enrich_row.apply_async((table, f"row_{number}"), ignore_result=True)
    return installation.until_filled(table, started_s, patience_s=_PATIENCE_S)


def _sent(
    installation: Installation, rows: int, send: Callable[[list[tuple[int, str]]], None]
) -> float:
    table = installation.table(rows)
    found = peers.rows_of(table)
    started_s = time.perf_counter()
    send(found)
    return installation.until_filled(table, started_s, patience_s=_PATIENCE_S)


def _redis_url(installation: Installation) -> str:
    return peer_url(installation.services.endpoints.broker_url)


def peer_environment(installation: Installation) -> dict[str, str]:
    """Give the addresses of database and queue, in the form that each peer reads."""
    url = _redis_url(installation)
    return {
        peers.DATABASE: installation.services.endpoints.database_url,
        "BENCH_BROKER_URL": url,
        "BENCH_CELERY_URL": celery_url(url),
    }
