"""`python -m tests.benchmarks.seed_table [NAME…]`: measure, print, write `build/bench/NAME.json`.

Names: cache, coalescing, parallel, updates, flaky; all of them by default.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

import enrich.library as enrich
from enrich.telemetry import configure_logging
from tests.benchmarks.places import opened
from tests.benchmarks.seed_table.vendors import PLACES, WELL
from tests.benchmarks.seed_table.work import MEASUREMENTS

_FILE = Path(__file__).parents[3] / "build" / "bench" / "seed_table.json"


def main(names: Sequence[str]) -> int:
    """Take the measurements of these names, or all; gives the exit code."""
    console = Console()
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        console.print(f"no such measurement: {', '.join(unknown)}; there are "
                      f"{', '.join(MEASUREMENTS)}")  # fmt: skip
        return 2
    configure_logging("ERROR")
    found = {}
    with opened():
        os.environ["ENRICH_PROVIDERS__MODULES"] = ",".join(PLACES)
        os.environ["ENRICH_PROVIDERS__NAMES"] = ",".join(WELL)
        for name in names or MEASUREMENTS:
            console.print(f"measuring {name} …", style="dim")
            found[name] = MEASUREMENTS[name]()
        enrich.close()
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    table = Table(title="A workload with repeats")
    for header in ("measurement", "figure", "is"):
        table.add_column(header, justify="right" if header == "is" else "left")
    for name, figures in found.items():
        for place, (figure, value) in enumerate(figures.items()):
            table.add_row("" if place else name, figure.replace("_", " "), f"{value:,.4g}")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
