"""Break an installation many times in the middle of one run, and count what became of it.

`python -m tests.faults.kills --kills 50 --rows 5000` kills the whole worker; `--what valkey`
kills and starts the broker, `flush` empties it, `postgres` crashes the database, `immediate` ends
it by `-m immediate`. The seed is printed; all figures are one JSON object at the end, and the exit
code is 0 only when nothing was lost and nothing was done twice.
"""

import argparse
import json
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enrich import embedded
from tests.faults.lab import COLUMNS, TWICE, Lab, lab
from tests.faults.ledger_providers import PAID

__all__ = ["Tally", "break_many_times", "figures_of"]

_TABLE = "firms"
_WRITTEN = "SELECT count(*) FROM cell_writes"
_DONE = "SELECT state = 'done' FROM runs ORDER BY id DESC LIMIT 1"
_LOST = """
    SELECT count(*) FROM rows r CROSS JOIN unnest(CAST(:columns AS text[])) AS c
    WHERE coalesce(r.cells -> c ->> 'state', 'none') IN ('none', 'pending')
"""
_ENDS = """
    SELECT json_object_agg(state, number) FROM (
        SELECT coalesce(r.cells -> c ->> 'state', 'none') AS state, count(*) AS number
        FROM rows r CROSS JOIN unnest(CAST(:columns AS text[])) AS c GROUP BY 1) AS ends
"""
_PARKED = "SELECT count(*) FROM batches WHERE phase = 'parked'"
_BEGUN = """
    SELECT count(*) FROM paid_calls
    WHERE provider = :provider AND state = 'reserved' AND begun_at IS NOT NULL
"""


@dataclass(slots=True)
class Tally:
    """What happened at the blows; durations in seconds."""

    blows: int = 0
    recoveries_s: list[float] = field(default_factory=list)
    in_flight: dict[str, int] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    total_s: float = 0.0
    ended: bool = False


def break_many_times(it: Lab, *, what: str, blows: int, rows: int, seed: int) -> Tally:
    """Run one table through `blows` blows, spread over its cells; gives what happened."""
    rng, tally, total = random.Random(seed), Tally(), rows * len(COLUMNS)
    it.make_table(_TABLE, rows)
    it.audit()
    began_s = time.monotonic()
    assert it.wait(lambda: _sent(it), within_s=60)
    for blow in range(1, blows + 1):
        goal = total * blow // (blows + 1)
        if not it.wait(lambda goal=goal: it.scalar(_WRITTEN) >= goal, within_s=180):
            break
        it.pause(rng.uniform(0.0, 0.4))
        _strike(it, what, tally)
    tally.ended = it.wait(lambda: bool(it.scalar(_DONE)), within_s=240, every_s=0.2)
    tally.total_s = time.monotonic() - began_s
    return tally


def _sent(it: Lab) -> bool:
    it.send("enrich.table", _TABLE)
    return True


def _strike(it: Lab, what: str, tally: Tally) -> None:
    """Do one blow, and wait until cells are written again."""
    at_s, mark_s = time.time(), time.monotonic()
    _BLOWS[what](it)
    # Counted after the blow: what was written just before it is no recovery.
    before = _asked(it, _WRITTEN)
    tally.blows += 1
    for name in PAID:
        tally.in_flight[name] = tally.in_flight.get(name, 0) + it.book.in_flight(name, at_s)
        tally.begun[name] = tally.begun.get(name, 0) + _asked(it, _BEGUN, provider=name)
    if it.wait(lambda: it.scalar(_WRITTEN) > before or it.scalar(_DONE), within_s=180):
        tally.recoveries_s.append(time.monotonic() - mark_s)


def _asked(it: Lab, query: str, **values: Any) -> int:
    """Ask the database for a number as soon as it answers."""
    found: list[int] = []
    it.wait(lambda: not found.append(it.scalar(query, **values)), within_s=30)
    return found[-1]


def _kill_workers(it: Lab) -> None:
    def struck() -> bool:
        workers = [name for name in it.supervisor.pids if "worker" in name]
        return sum(it.strike(name, signal.SIGKILL) for name in workers) > 0

    assert it.wait(struck, within_s=30), "no worker ran, so nothing was killed"


def _flush(it: Lab) -> None:
    assert it.broker.flushall()


_BLOWS: dict[str, Any] = {
    "worker": _kill_workers,
    "valkey": lambda it: it.crash(embedded.Server.VALKEY),
    "flush": _flush,
    "postgres": lambda it: it.crash(embedded.Server.POSTGRES),
    "immediate": lambda it: it.crash(embedded.Server.POSTGRES, sig=signal.SIGQUIT),
}


def figures_of(it: Lab, tally: Tally, rows: int) -> dict[str, Any]:
    """Count, in the database and in the provider's book, what became of it all."""
    columns = list(COLUMNS)
    recovered = sorted(tally.recoveries_s)
    return {
        "ended": tally.ended,
        "blows": tally.blows,
        "rows": rows,
        "cells_open": it.scalar(_LOST, columns=columns),
        "cells": it.scalar(_ENDS, columns=columns),
        "written_twice": it.scalar(TWICE),
        "batches_parked": it.scalar(_PARKED),
        "paid": {
            name: {
                "charged": it.book.charged(name),
                "beyond_one_a_row": it.book.charged(name) - it.book.keys(name),
                "rows": it.book.keys(name),
                "unanswered_at_the_blows": tally.in_flight.get(name, 0),
                "unstored_at_the_blows": tally.begun.get(name, 0),
            }
            for name in PAID
        },
        "recovery_s": {
            "median": round(statistics.median(recovered), 2) if recovered else None,
            "worst": round(recovered[-1], 2) if recovered else None,
            "not_seen": tally.blows - len(recovered),
        },
        "total_s": round(tally.total_s, 1),
        "programs_ended": len(it.lives),
    }


def _is_whole(figures: dict[str, Any]) -> bool:
    return (
        figures["ended"]
        and figures["cells_open"] == 0
        and figures["written_twice"] == 0
        and figures["batches_parked"] == 0
        and figures["blows"] > 0
    )


def main() -> int:
    """Run what the command line says; prints the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--what", choices=sorted(_BLOWS), default="worker")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--home", type=Path, help="Kept afterwards; by default a folder that goes.")
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp(prefix="enrich-k-"))
    sys.stderr.write(f"seed {asked.seed}\n")
    try:
        with lab(home, workers=asked.workers) as it:
            tally = break_many_times(
                it, what=asked.what, blows=asked.kills, rows=asked.rows, seed=asked.seed
            )
            figures = {"what": asked.what, "seed": asked.seed, **figures_of(it, tally, asked.rows)}
    finally:
        if asked.home is None:
            shutil.rmtree(home, ignore_errors=True)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return 0 if _is_whole(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
