"""`python -m tests.benchmarks.quality [FOLDER]`: measure, draw, and print which goals are met."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.quality.measures import Goal, Measured, draw
from tests.benchmarks.quality.selection import budgets, drifts, earnings
from tests.benchmarks.quality.sets import Result, companies, crowds, flights, resale, speed

_FOLDER = Path(__file__).parents[3] / "build" / "bench"
#: By the beginning of a folder's name: what is done with it.
_SETS: dict[str, Callable[[Path], Result]] = {
    "flight": flights,
    "crowd": crowds,
    "company": companies,
}


def main(arguments: list[str]) -> int:
    """Measure all that is there; a set that is absent is skipped, and said to be."""
    console = Console()
    given = arguments[0] if arguments else os.environ.get("ENRICH_QUALITY_DATA", "")
    folder = Path(given) if given else None
    work: list[Callable[[], Result]] = []
    for start, measure in _SETS.items():
        found = sorted(folder.glob(f"{start}*")) if folder and folder.is_dir() else []
        if not found:
            console.print(f"skipped {start}: no such folder in ENRICH_QUALITY_DATA", style="dim")
        work += [partial(measure, one) for one in found]
    figures: list[Measured] = []
    goals: list[Goal] = []
    for one in (*work, resale, speed, earnings, budgets, drifts):
        more, met = one()
        console.print(f"measured {', '.join(f.name for f in more[:1]) or 'speed'} …", style="dim")
        figures += more
        goals += met
    for figure in figures:
        draw(figure, _FOLDER)
    _store(figures, goals)
    console.print(_figures(figures))
    console.print(_goals(goals))
    console.print(f"written to {_FOLDER}", style="dim")
    return 0


def _store(figures: list[Measured], goals: list[Goal]) -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    whole = {"figures": [asdict(f) for f in figures], "goals": [asdict(g) for g in goals]}
    (_FOLDER / "quality.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _figures(figures: list[Measured]) -> Table:
    table = Table(title="Fused cells")
    for header in ("set", "cells", "right", "calibration error", "Brier", "≥ 0.8", "right there"):
        table.add_column(header, justify="left" if header == "set" else "right")
    for one in figures:
        numbers = (one.accuracy, one.calibration_error, one.brier, one.sure, one.sure_right)
        table.add_row(one.name, str(one.cells), *(f"{number:.4f}" for number in numbers))
    return table


def _goals(goals: list[Goal]) -> Table:
    table = Table(title="Goals")
    for header in ("goal", "is", "aimed at", ""):
        table.add_column(header)
    for one in goals:
        sign = "≤" if one.at_most else "≥"
        table.add_row(one.name, f"{one.value:.4g}", f"{sign} {one.bound:g}",
                      "met" if one.is_met else "not met")  # fmt: skip
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
