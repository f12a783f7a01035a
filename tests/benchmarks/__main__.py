"""`python -m tests.benchmarks [NAME…]`: measure, write `build/bench/NAME.json`, print a table."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from enrich.telemetry import configure_logging
from tests.benchmarks import caching, emptied, hedging, shared, startup, waiters
from tests.benchmarks.measuring import Figure, facts, store
from tests.benchmarks.places import Place, opened

_FOLDER = Path(__file__).parents[2] / "build" / "bench"

#: In the order of the table.
BENCHMARKS: dict[str, Callable[[Place], Sequence[Figure]]] = {
    "cell-hit": caching.cell_hit,
    "batch-look-up": caching.many_rows,
    "breaker": shared.breaker,
    "singleflight": shared.singleflight,
    "governor": shared.governor,
    "budget": shared.budget,
    "waiters": waiters.waiters,
    "left-behind": emptied.left_behind,
    "hedging": hedging.hedging,
    "start-up": startup.startup,
}


def main(names: Sequence[str]) -> int:
    """Run the benchmarks of these names, or all; gives the exit code."""
    console = Console()
    if unknown := [name for name in names if name not in BENCHMARKS]:
        console.print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
        return 2
    # What the parts say of their own start is no figure.
    configure_logging("ERROR")
    with opened() as place:
        about = facts(place.redis_url)
        figures: list[Figure] = []
        for name in names or BENCHMARKS:
            console.print(f"measuring {name} …", style="dim")
            measured = BENCHMARKS[name](place)
            store(_FOLDER, name, measured, about)
            figures += measured
    console.print(_table(figures))
    console.print(", ".join(f"{key} {value}" for key, value in about.items()), style="dim")
    console.print(f"written to {_FOLDER}", style="dim")
    return 0


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(title="Benchmarks: medians of alternating rounds")
    for header in ("", "what", "against"):
        table.add_column(header)
    for header in ("median", "against", "ratio", "goal"):
        table.add_column(header, justify="right", no_wrap=True)
    for one in figures:
        goal = "" if one.goal is None else f"≤ {one.goal:g}"
        more = "".join(f"\n  {name} {value:g}" for name, value in one.more.items())
        times = (_time(one.value_us), _time(one.against_us))
        table.add_row(one.name, one.what + more, one.against, *times, f"{one.ratio:.2f}", goal)
    return table


def _time(us: float) -> str:
    if us < 1000:
        return f"{us:.0f} µs"
    return f"{us / 1000:.1f} ms" if us < 1_000_000 else f"{us / 1_000_000:.2f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
