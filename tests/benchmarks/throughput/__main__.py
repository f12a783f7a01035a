"""`python -m tests.benchmarks.throughput [ROWS [ROUNDS]]`: measure, print, draw.

Writes `build/bench/throughput.json` and `build/bench/throughput.svg`.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from enrich.telemetry import configure_logging
from tests.benchmarks.measuring import facts
from tests.benchmarks.throughput.latency import Latencies, cell_latencies
from tests.benchmarks.throughput.ours import installed
from tests.benchmarks.throughput.picture import draw
from tests.benchmarks.throughput.race import (
    BATCH,
    DELAYED,
    OURS,
    Result,
    peer_environment,
    peers_running,
    race,
)

_FOLDER = Path(__file__).parents[3] / "build" / "bench"
_ROWS, _ROUNDS = 20_000, 5
#: What the engine is to be held against: the way of ours, that of others, and how often as quick.
_GOALS = (
    (BATCH, "asyncio script", 1.5),
    (BATCH, "dramatiq, a group a row", 20.0),
    (BATCH, "Celery, a chord a cell", 300.0),
    (DELAYED, "dramatiq, a group a row", 6.0),
)


def main(rows: int, rounds: int) -> int:
    """Measure all; gives the exit code."""
    configure_logging("ERROR")
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)  # it fills and empties servers: those are its own
    home = Path(tempfile.mkdtemp(prefix="enrich-b-"))
    try:
        with installed(home) as installation:
            about = dict(facts(installation.services.endpoints.redis_url))
            latencies = cell_latencies(installation)
            environment = peer_environment(installation)
            os.environ |= environment
            with peers_running(sys.executable, environment, home):
                results = race(installation, rows=rows, rounds=rounds)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    _tell(results, latencies, {**about, "load_after": f"{os.getloadavg()[0]:.1f}"}, rounds)
    return 0


def _tell(
    results: Mapping[str, Result],
    latencies: Mapping[str, Latencies],
    about: Mapping[str, str | int],
    rounds: int,
) -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    ratios = {
        f"{ours} / {theirs}": {"ratio": results[ours].rate / results[theirs].rate, "goal": goal}
        for ours, theirs, goal in _GOALS
    }
    whole = {
        "benchmark": "throughput",
        "measured_on": about,
        "rounds": rounds,
        "cells_a_second": {
            name: {"median": one.rate, "rounds": one.rates, "rows": one.rows}
            for name, one in results.items()
        },
        "ratios": ratios,
        "one_cell_ms": {name: each.as_json() for name, each in latencies.items()},
    }
    file = _FOLDER / "throughput.json"
    file.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    note = f"{about['cores']} cores, three providers of 50 ms, four fields a row"
    rates = {name: one.rate for name, one in results.items()}
    picture = draw(rates, OURS, _FOLDER / "throughput.svg", note=note)
    console = Console()
    console.print(_rates(results), _ratios(ratios), _times(latencies))
    console.print(", ".join(f"{key} {value}" for key, value in about.items()), style="dim")
    console.print(f"written to {file} and {picture}", style="dim")


def _rates(results: Mapping[str, Result]) -> Table:
    table = Table(title="Three providers of 50 ms, four fields a row: medians of rounds in turn")
    for header in ("", "cells/s", "slowest", "quickest", "rows a round"):
        table.add_column(header, justify="right" if header else "left")
    for name, one in sorted(results.items(), key=lambda pair: -pair[1].rate):
        numbers = (one.rate, min(one.rates), max(one.rates), one.rows)
        table.add_row(name, *(f"{number:,.0f}" for number in numbers))
    return table


def _ratios(ratios: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title="How often as quick")
    for header in ("", "times", "goal"):
        table.add_column(header, justify="right" if header else "left")
    for name, one in ratios.items():
        table.add_row(name, f"{one['ratio']:.2f}", f"≥ {one['goal']:g}")
    return table


def _times(latencies: Mapping[str, Latencies]) -> Table:
    table = Table(title="One cell, from .delay() to its result; slowest provider 50 ms")
    for header in ("", "p50 ms", "p95 ms", "p99 ms", "cells"):
        table.add_column(header, justify="right" if header else "left")
    for name, each in latencies.items():
        numbers = (each.quantile_ms(share) for share in (0.5, 0.95, 0.99))
        table.add_row(name, *(f"{number:.0f}" for number in numbers), str(len(each.seconds)))
    return table


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    sys.exit(main(*(numbers + [_ROWS, _ROUNDS][len(numbers) :])))
