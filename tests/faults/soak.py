"""Run tables for a while under random faults, heal, and tell what is left of it.

`make soak` does half an hour of it; `SOAK_SECONDS` and `SOAK_SEED` choose another time and repeat a
run. A fault comes every 5 to 20 seconds and lasts a few. The exit code is 0 only when no cell was
lost, written twice or left stuck.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from enrich import embedded
from enrich.embedded.home import Home
from enrich.errors import EnrichError
from tests.faults.growth import Growth
from tests.faults.kills import Tally, figures_of
from tests.faults.lab import COLUMNS, TWICE, Lab, lab
from tests.faults.proxy import Faults, Proxy

__all__ = ["soak"]

_ROWS = 500
_HEALED_S = 120.0
_SAY_S = 60.0
_RUNS = "SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM runs GROUP BY 1) s"
_RUNNING = "SELECT count(*) FROM runs WHERE state = 'running'"
_OLDER = """
    SELECT count(*) FROM cell_writes a JOIN cell_writes b USING (row_id, cell)
    WHERE b.at > a.at AND ((b.stamp ->> 'run')::bigint, (b.stamp ->> 'fence')::bigint)
                        < ((a.stamp ->> 'run')::bigint, (a.stamp ->> 'fence')::bigint)
"""
_UNEXPLAINED = """
    SELECT count(*) FROM rows r, jsonb_each(r.cells) c
    WHERE c.value ->> 'state' IN ('failed', 'skipped') AND coalesce(c.value ->> 'reason', '') = ''
"""
_REASONS = """
    SELECT json_object_agg(why, n) FROM (
        SELECT left(c.value ->> 'reason', 100) AS why, count(*) AS n
        FROM rows r, jsonb_each(r.cells) c WHERE c.value ->> 'state' IN ('failed', 'skipped')
        GROUP BY 1 ORDER BY 2 DESC LIMIT 12) AS most
"""
_UNASKED = "DELETE FROM rows r WHERE NOT EXISTS (SELECT FROM runs u WHERE u.table_id = r.table_id)"
_BACKENDS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'enrich' AND pid <> pg_backend_pid()
"""


@dataclass(slots=True)
class Weather:
    """What is done to an installation, at random but repeatably."""

    it: Lab
    proxy: Proxy
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def strike(self) -> None:
        """Do one fault, for a few seconds where it has a length, and heal it."""
        name = self.rng.choice(sorted(_FAULTS))
        self.done[name] += 1
        _FAULTS[name](self)

    def worker(self) -> str:
        """Choose a worker."""
        return self.rng.choice(["worker0", "worker1"])

    def a_while(self) -> float:
        """Choose how long something lasts."""
        return self.rng.uniform(1.0, 6.0)

    @contextmanager
    def bad_way(self, **faults: Any) -> Any:
        """Make the way to the cache bad."""
        self.proxy.faults = Faults(**faults)
        yield
        self.proxy.faults = Faults()
        self.proxy.cut()


def _kill(self: Weather) -> None:
    self.it.strike(self.worker(), signal.SIGKILL)


def _terminate(self: Weather) -> None:
    if pid := self.it.pid(self.worker()):
        os.kill(pid, signal.SIGTERM)


def _freeze(self: Weather) -> None:
    name = self.worker()
    pid = self.it.pid(name)
    self.it.strike(name, signal.SIGSTOP)
    # Longer than a lease, now and then.
    self.it.pause(self.rng.choice([2.0, 15.0]))
    if pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)


def _flush(self: Weather) -> None:
    self.it.broker.flushall()


def _forget_scripts(self: Weather) -> None:
    self.it.broker.script_flush()


def _hang_up(self: Weather) -> None:
    self.it.broker.client_kill_filter(_type="normal", skipme=True)


def _end_backends(self: Weather) -> None:
    with self.it.engine.connect() as connection:
        connection.execute(text(_BACKENDS))


def _lock_rows(self: Weather) -> None:
    holder = psycopg2.connect(self.it.environment["DATABASE_URL"])
    with holder.cursor() as cursor:
        cursor.execute("SELECT 1 FROM rows ORDER BY random() LIMIT 20 FOR UPDATE")
    self.it.pause(self.a_while())
    holder.close()


def _refuse(self: Weather) -> None:
    self.proxy.refuse()
    self.it.pause(self.a_while())
    self.proxy.accept()


def _bad(**faults: Any) -> Callable[[Weather], None]:
    def do(self: Weather) -> None:
        with self.bad_way(**faults):
            self.it.pause(self.a_while())

    return do


_FAULTS: dict[str, Callable[[Weather], None]] = {
    "worker killed": _kill,
    "worker terminated": _terminate,
    "worker frozen": _freeze,
    "beat killed": lambda self: bool(self.it.strike("beat", signal.SIGKILL)) and None,
    "provider killed": lambda self: bool(self.it.strike("ledger", signal.SIGKILL)) and None,
    "broker killed": lambda self: self.it.crash(embedded.Server.VALKEY),
    "broker emptied": _flush,
    "scripts forgotten": _forget_scripts,
    "clients hung up": _hang_up,
    "database killed": lambda self: self.it.crash(embedded.Server.POSTGRES),
    "database crashed": lambda self: self.it.crash(embedded.Server.POSTGRES, sig=signal.SIGQUIT),
    "backends ended": _end_backends,
    "rows locked": _lock_rows,
    "cache refused": _refuse,
    "cache blackhole": _bad(blackhole=True),
    "cache slow": _bad(delay_s=0.2),
    "cache reset": _bad(reset_share=0.1),
    "cache corrupt": _bad(corrupt_share=0.002),
    "cache sliced": _bad(slice_bytes=7),
}


def soak(it: Lab, proxy: Proxy, *, seconds: float, seed: int) -> dict[str, Any]:
    """Keep two tables under way until the time is over, heal, and count."""
    weather = Weather(it, proxy, random.Random(seed))
    it.audit()
    end_s, tables, growth = time.monotonic() + seconds, 0, Growth()
    said_s = time.monotonic()
    while time.monotonic() < end_s:
        next_s = time.monotonic() + weather.rng.uniform(5.0, 20.0)
        while time.monotonic() < next_s:
            tables += _topped_up(it, tables)
            _weigh(it, growth)
            it.pause(1.0)
        with suppress(psycopg2.Error, DBAPIError, redis.RedisError):
            weather.strike()
        said_s = _told(it, weather, said_s)
    stuck = not it.wait(lambda: it.scalar(_RUNNING) == 0, within_s=_HEALED_S, every_s=0.5)
    rows = int(it.scalar("SELECT coalesce(sum(rows_total), 0) FROM runs"))
    # A table whose run was never stored has promised nobody anything.
    with it.engine.begin() as connection:
        connection.execute(text(_UNASKED))
    figures = figures_of(it, Tally(blows=sum(weather.done.values()), ended=not stuck), rows)
    asked = sum(it.book.asked(f"ledger_{one}") for one in _ALL)
    return {
        "seconds": seconds,
        "seed": seed,
        "faults": dict(sorted(weather.done.items())),
        "cells": rows * len(COLUMNS),
        **figures,
        "unexplained": it.scalar(_UNEXPLAINED),
        "reasons": it.scalar(_REASONS),
        "stale_writes": it.scalar(_OLDER),
        "calls_per_cell": round(asked / max(1, rows * len(COLUMNS)), 3),
        # Of each life of three minutes and more, since its first minute; the largest first.
        "memory_growth": growth.of_lives(),
    }


def _told(it: Lab, weather: Weather, said_s: float) -> float:
    """Say once a minute how it stands, should this program not see its end; gives when it did."""
    if time.monotonic() - said_s < _SAY_S:
        return said_s
    with suppress(psycopg2.Error, DBAPIError):
        stands = {"runs": it.scalar(_RUNS), "written_twice": it.scalar(TWICE)}
        sys.stderr.write(json.dumps({"faults": sum(weather.done.values()), **stands}) + "\n")
    return time.monotonic()


_ALL = ("free_a", "free_b", "cheap", "paid", "keyed")


def _topped_up(it: Lab, tables: int) -> int:
    """Begin another table when fewer than two are under way; gives how many were begun."""
    try:
        if it.scalar(_RUNNING) >= 2:
            return 0
        name = f"table{tables:04d}"
        it.make_table(name, _ROWS)
        # Through the shell, which stores the run before anything is sent.
        command = [sys.executable, "-m", "enrich.cli", "run", name]
        environment = {**os.environ, **it.environment}
        subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
        return int(it.scalar("SELECT count(*) FROM runs") > tables)
    except (DBAPIError, EnrichError, subprocess.TimeoutExpired):
        return 0  # a server is down on purpose; the next look tries again


def _weigh(it: Lab, growth: Growth) -> None:
    """Take a sample of each worker's memory; a worker that was started again is another life."""
    for name, pid in it.supervisor.pids.items():
        if name.startswith("worker"):
            with suppress(OSError, IndexError):
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                growth.add(pid, time.monotonic(), pages)


def main() -> int:
    """Soak for as long as the environment says; prints seed and figures."""
    seconds = float(os.environ.get("SOAK_SECONDS", "1800"))
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10**6))
    sys.stderr.write(f"SOAK_SECONDS={seconds:g} SOAK_SEED={seed}\n")
    home = Path(tempfile.mkdtemp(prefix="enrich-s-"))
    try:
        with Proxy(str(Home.at(home).sockets / "valkey.sock"), seed=seed) as proxy:
            settings = {"REDIS_URL": proxy.url}
            with lab(home, workers=2, settings=settings) as it:
                figures = soak(it, proxy, seconds=seconds, seed=seed)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    counted = ("cells_open", "written_twice", "stale_writes", "unexplained")
    whole = all(figures[name] == 0 for name in counted)
    return 0 if whole and figures["ended"] and not figures["batches_parked"] else 1


if __name__ == "__main__":
    sys.exit(main())
