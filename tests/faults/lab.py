"""A whole installation to do harm to: servers of its own, supervised workers, and a provider.

Everything lies under one home and is ended with it. Only processes started here are touched, each
by its number.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from enrich import embedded
from enrich.domain.table import Column
from enrich.embedded.processes import Program, Supervisor
from enrich.ports import NewRow
from enrich.store import migrate
from enrich.store.engine import make_engine
from enrich.store.rows import PostgresRowStore
from tasks.settings import worker_arguments
from tests.faults.ledger import Book
from tests.ports import reserved_port

__all__ = ["COLUMNS", "OPEN", "TWICE", "Lab", "lab"]

_ROOT = Path(__file__).parents[2]
_MODULES = ("free_a", "free_b", "cheap", "paid", "keyed")
COLUMNS = ("industry", "sector", "company_status", "company_description", "headquarters")
#: Cells of these columns that are not filled, and cells that were written more than once.
OPEN = """
    SELECT count(*) FROM rows r CROSS JOIN unnest(CAST(:columns AS text[])) AS c
    WHERE r.cells -> c ->> 'state' IS DISTINCT FROM 'filled'
"""
TWICE = """
    SELECT count(*) FROM (
        SELECT FROM cell_writes GROUP BY row_id, cell HAVING count(*) > 1) AS twice
"""
_AUDIT = """
    CREATE TABLE cell_writes (
        row_id bigint, cell text, stamp jsonb, at timestamptz DEFAULT clock_timestamp());
    CREATE FUNCTION note_cells() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO cell_writes (row_id, cell, stamp)
        SELECT NEW.id, c.key, c.value FROM jsonb_each(NEW.cells) AS c
        WHERE c.value IS DISTINCT FROM OLD.cells -> c.key AND c.value ->> 'state' <> 'pending';
        RETURN NEW;
    END $$;
    CREATE TRIGGER note_cells AFTER UPDATE ON rows FOR EACH ROW EXECUTE FUNCTION note_cells();
"""
#: Short leases, so that what a dead worker held is not waited for: a probe here takes no second.
_SETTINGS = {
    "ENRICH_RUNS__BATCH_ROWS": "50",
    "ENRICH_RUNS__MAX_BATCHES_IN_FLIGHT": "8",
    "ENRICH_RUNS__LEASE_SECONDS": "10",
    # A batch that was under way at many of the kills is no poison.
    "ENRICH_RUNS__MAX_ATTEMPTS": "100",
    "ENRICH_PROBES__TIMEOUT_SECONDS": "5",
    "ENRICH_SINGLEFLIGHT__LEASE_SECONDS": "6",
    "ENRICH_BREAKER__PERMIT_SECONDS": "6",
}


@dataclass(slots=True)
class Lab:
    """The installation. `environment` is what its programs run with."""

    home: Path
    environment: Mapping[str, str]
    supervisor: Supervisor
    engine: Engine
    book: Book
    lives: list[str] = field(default_factory=list)

    def pid(self, name: str) -> int | None:
        """Give the process number of a program that runs."""
        return self.supervisor.pids.get(name)

    def strike(self, name: str, number: signal.Signals) -> bool:
        """Send a signal to a program's whole group; False when it does not run."""
        pid = self.pid(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.killpg(pid, number)
            return True
        return False

    def wait(self, holds: Callable[[], bool], *, within_s: float, every_s: float = 0.05) -> bool:
        """Look after the programs until a condition comes true; False when it does not in time."""
        end_s = time.monotonic() + within_s
        while not self._holds(holds):
            if time.monotonic() > end_s:
                return False
            self.supervisor.mend()
            time.sleep(every_s)
        return True

    @staticmethod
    def _holds(holds: Callable[[], bool]) -> bool:
        try:
            return holds()
        except (DBAPIError, redis.RedisError):
            return False  # a server is down on purpose

    def pause(self, seconds: float) -> None:
        """Look after the programs for a while."""
        self.wait(lambda: False, within_s=seconds)

    def crash(self, server: embedded.Server, *, sig: signal.Signals = signal.SIGKILL) -> None:
        """End a server at once and start it again, as its keeper would."""
        os.kill(int((self.home / f"{server}.alive").read_text()), sig)
        alive = self.home / f"{server}.alive"
        assert self.wait(lambda: not embedded.home.holds(alive), within_s=30)
        embedded.start(self.home, only=[server])

    @property
    def broker(self) -> redis.Redis:
        """A connection to the server of queue and cache."""
        return redis.Redis.from_url(self.environment["ENRICH_BROKER__URL"], decode_responses=True)

    def make_table(self, name: str, rows: int, *, like: str = "") -> None:
        """Import rows, each about a company of its own, or one of another table; to be enriched."""
        store = PostgresRowStore(self.engine)
        enriched = [
            Column(key=key, field=key, enriched=True, position=place)
            for place, key in enumerate(COLUMNS, start=1)
        ]
        store.save_columns(
            "default", name, [Column(key="company", field="company_name"), *enriched]
        )
        fresh = (
            NewRow(key=f"row_{n:06d}", data={"company": f"{like or name} {n:06d}"})
            for n in range(rows)
        )
        store.import_rows("default", name, fresh)

    def audit(self) -> None:
        """Keep a note of every decided cell that is written from now on."""
        with self.engine.begin() as connection:
            connection.execute(text(_AUDIT))

    def scalar(self, query: str, **values: Any) -> Any:
        """Ask the database for one value."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).scalar()

    def send(self, task: str, *args: Any, queue: str = "enrich.ingest") -> None:
        """Send a task as a program without this code does."""
        from celery import Celery

        url = embedded.celery_url(self.environment["ENRICH_BROKER__URL"])
        with Celery(broker=url, set_as_current=False) as app:
            app.conf.broker_transport_options = {"socket_connect_timeout": 60, "socket_timeout": 60}
            app.send_task(task, args, queue=queue, ignore_result=True, retry=False)


@contextmanager
def lab(
    home: Path,
    *,
    workers: int = 1,
    threads: int = 16,
    latency_s: float = 0.02,
    settings: Mapping[str, str] | None = None,
    modules: tuple[str, ...] = _MODULES,
    application: str = "tasks",
) -> Iterator[Lab]:
    """Start everything in a home; all of it is ended with the block.

    The workers run `application`, which is that of `tasks`, or it with something done to it.
    """
    with ExitStack() as ends:
        places = embedded.start(home).endpoints
        ends.callback(embedded.stop, home)
        migrate.upgrade(places.database_url)
        port = ends.enter_context(reserved_port())
        environment = {
            "DATABASE_URL": places.database_url,
            "REDIS_URL": places.redis_url,
            "ENRICH_BROKER__URL": places.broker_url,
            "ENRICH_HOME": str(home),
            "ENRICH_PROVIDERS__NAMES": ",".join(f"ledger_{name}" for name in modules),
            "ENRICH_PROVIDERS__MODULES": ",".join(
                f"tests.faults.ledger_providers:{name}" for name in modules
            ),
            "LEDGER_PORT": str(port),
            "PYTHONPATH": str(_ROOT),
            "PYTHONUNBUFFERED": "1",
            **_SETTINGS,
            **(settings or {}),
        }
        book = Book(home / "ledger.sqlite")
        book.make()
        programs = [_ledger(book.path, port, latency_s, home), _beat(environment, home)]
        own = (application, *worker_arguments(threads=threads))
        programs += [_worker(f"worker{n}", own, environment, home) for n in range(workers)]
        engine = make_engine(places.database_url, application_name="lab")
        ends.callback(engine.dispose)
        lives: list[str] = []
        supervisor = Supervisor(programs, tell=lives.append, first_pause_s=0.2, longest_pause_s=0.2)
        with supervisor:
            yield Lab(home, environment, supervisor, engine, book, lives)


def _ledger(book: Path, port: int, latency_s: float, home: Path) -> Program:
    command = [sys.executable, "-m", "tests.faults.ledger", str(book), str(port), str(latency_s)]
    environment = {"PYTHONPATH": str(_ROOT)}
    return Program(name="ledger", command=command, environment=environment, log=home / "ledger.log")


def _celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", f"--workdir={_ROOT}", "-A", *arguments]


def _worker(name: str, own: Iterable[str], environment: Mapping[str, str], home: Path) -> Program:
    command = _celery(*own, f"--hostname={name}@lab-{os.getpid()}")
    return Program(name=name, command=command, environment=environment, log=home / f"{name}.log")


def _beat(environment: Mapping[str, str], home: Path) -> Program:
    command = _celery(
        "tasks", "beat", "--loglevel=INFO", f"--schedule={home / 'beat'}", "--pidfile="
    )
    return Program(name="beat", command=command, environment=environment, log=home / "beat.log")
