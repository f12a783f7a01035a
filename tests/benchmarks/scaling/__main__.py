"""`python -m tests.benchmarks.scaling [CURVE…]`: measure each point in a process of its own, draw.

Curves: rows, workers, providers, fields, order, million. Without a name all but the last, which
takes a quarter of an hour. Writes `build/bench/scaling.json` and `build/bench/scaling.svg`.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.scaling.drawing import draw
from tests.benchmarks.scaling.model import Demands, bounds, here

_FOLDER = Path(__file__).parents[3] / "build" / "bench"
_PATIENCE_S = 3600
Arguments = Mapping[str, int | None]
Points = Mapping[str, Mapping[str, float]]

#: By curve: the points, each with what differs from ten thousand rows, two workers, three
#: providers, four fields, three rounds.
CURVES: Mapping[str, Mapping[str, Arguments]] = {
    "rows": {
        "1,000": {"rows": 1_000},
        "10,000": {"rows": 10_000},
        "100,000": {"rows": 100_000, "rounds": 1},
    },
    "workers": {str(n): {"workers": n} for n in (1, 2, 4)},
    "providers": {str(n): {"providers": n} for n in (1, 3, 10, 20)},
    "fields": {str(n): {"fields": n, "rows": 4_000} for n in (1, 4, 20, 50)},
    "order": {
        "parallel": {"rows": 1, "rounds": 25, "fields": 3, "apart": None},
        "sequential": {"rows": 1, "rounds": 25, "fields": 3, "apart": None, "sequential": None},
    },
    "million": {
        "100,000": {"rows": 100_000, "rounds": 1},
        "1,000,000": {"rows": 1_000_000, "rounds": 1},
    },
}

#: Of the seconds of one point and so many times those of another.
_RATIOS: Mapping[str, tuple[str, str, int, str]] = {
    "providers one after the other / all at once": ("order", "sequential", 1, "parallel"),
    "1,000,000 rows / 10 x 100,000": ("million", "1,000,000", 10, "100,000"),
}


def main(names: Sequence[str]) -> int:
    """Measure the curves of these names; gives the exit code."""
    console = Console()
    if unknown := [name for name in names if name not in CURVES]:
        console.print(f"no such curve: {', '.join(unknown)}; there are {', '.join(CURVES)}")
        return 2
    curves: dict[str, Points] = {}
    for name in names or [name for name in CURVES if name != "million"]:
        points = {}
        for label, arguments in CURVES[name].items():
            console.print(f"measuring {name} {label} …", style="dim")
            points[label] = _point(arguments)
        curves[name] = points
        console.print(_table(name, points))
    foreseen, ratios = _foreseen(curves), _ratios(curves)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    whole = {"benchmark": "scaling", "curves": curves, "ratios": ratios, "model": foreseen}
    (_FOLDER / "scaling.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    draw(curves, _FOLDER / "scaling.svg")
    console.print_json(data={"ratios": ratios, "model": foreseen})
    console.print(f"written to {_FOLDER}", style="dim")
    return 0


def _point(arguments: Arguments) -> Mapping[str, float]:
    words = [sys.executable, "-m", "tests.benchmarks.scaling.point"]
    for name, value in arguments.items():
        words += [f"--{name}"] if value is None else [f"--{name}", str(value)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _foreseen(curves: Mapping[str, Points]) -> Mapping[str, object]:
    """Give the model, by the point of two workers, beside what this machine did."""
    points = curves.get("workers", {})
    if "2" not in points:
        return {}
    demands = Demands(
        worker_s=points["2"]["worker_us_a_row"] / 1e6,
        postgres_s=points["2"]["postgres_us_a_row"] / 1e6,
        valkey_s=points["2"]["valkey_us_a_row"] / 1e6,
    )
    return {
        "demands_us_a_row": {name: 1e6 * value for name, value in asdict(demands).items()},
        "rows_a_second_here": {
            f"{count} workers": {
                "at_most": here(demands, workers=int(count)),
                "measured": point["rows_a_second"],
            }
            for count, point in points.items()
        },
        "rows_a_second_at_most": [asdict(bound) for bound in bounds(demands)],
    }


def _ratios(curves: Mapping[str, Points]) -> Mapping[str, float]:
    """Give what two points of a curve say together."""
    return {
        told: curves[name][above]["seconds"] / (times * curves[name][below]["seconds"])
        for told, (name, above, times, below) in _RATIOS.items()
        if name in curves
    }


def _table(name: str, points: Points) -> Table:
    table = Table(title=f"{name}: medians")
    shown = {
        "cells/s": "cells_a_second",
        "rows/s": "rows_a_second",
        "worker µs/row": "worker_us_a_row",
        "PostgreSQL µs/row": "postgres_us_a_row",
        "Valkey µs/row": "valkey_us_a_row",
        "WAL B/cell": "wal_bytes_a_cell",
        "stored B/cell": "stored_bytes_a_cell",
        "Valkey B/cell": "valkey_bytes_a_cell",
        "worker MiB": "worker_mib",
    }
    table.add_column(name)
    for header in shown:
        table.add_column(header, justify="right")
    for label, point in points.items():
        table.add_row(label, *(f"{point[key]:,.0f}" for key in shown.values()))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
