"""`python -m tests.benchmarks.console_watch`: somebody watches the console for ten minutes.

The whole service runs with providers that answer at once; a table is enriched, over and over, while
Chromium shows the console. Told are the gaps between what the page is seen to change, its memory
after a collection, and what the interface's process costs with a viewer and without one.
Writes `build/bench/console-watch.json`; 1 when a bound of `BOUNDS` is broken.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page
from rich.console import Console

from enrich.cli.workers import stopped_by_signals
from tests.acceptance.service import Service, serving_all
from tests.faults.instant import NAMES, PLACES
from tests.integration.browsing import Visitor, chromium
from tests.waiting import eventually

_FILE = Path(__file__).parents[2] / "build" / "bench" / "console-watch.json"
_TABLE = "watched"
_LOOK_S = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")
#: What must hold: seconds, megabytes over the whole watch, and percent of a core.
BOUNDS = {"gap_p99_s": 1.5, "heap_growth_mb": 5.0, "cpu_percent_a_viewer": 3.0}
#: Notes when the page changed, at most once a frame, until it is asked.
_NOTE = """() => {
  window.changes = [];
  new MutationObserver(() => window.changes.push(performance.now()))
    .observe(document.querySelector("main"), { subtree: true, childList: true,
                                               characterData: true, attributes: true });
}"""
_TAKE = "() => window.changes.splice(0)"


@dataclass(slots=True)
class Seen:
    """What was seen of the page: when it changed, and its memory by second of the watch."""

    changed_ms: list[float] = field(default_factory=list)
    heap_mb: list[tuple[float, float]] = field(default_factory=list)


def main() -> int:
    """Watch, print and write; 1 when a bound is broken."""
    asked = _arguments()
    settings = {
        "ENRICH_PROVIDERS__NAMES": ",".join(NAMES),
        "ENRICH_PROVIDERS__MODULES": ",".join(PLACES),
        "ENRICH_LOG__LEVEL": "WARNING",
        "ENRICH_API__REQUESTS_PER_MINUTE": "6000",
    }
    with stopped_by_signals(), serving_all(settings=settings) as service:
        _make_table(service, asked.rows)
        told = _measured(service, asked)
    told |= {"rows": asked.rows, "broken": _broken(told)}
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(told, indent=2) + "\n")
    Console().print_json(data=told)
    return 1 if told["broken"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=600.0, help="with a viewer")
    parser.add_argument("--alone", type=float, default=60.0, help="seconds without one, before")
    return parser.parse_args()


def _make_table(service: Service, rows: int) -> None:
    lines = "\n".join(f"{number},Firm {number}" for number in range(rows))
    name = service.shell.write("watched.csv", f"id,company\n{lines}\n")
    for arguments in (
        ("import", name, "--table", _TABLE, "--key", "id"),
        ("columns", _TABLE, "add", "industry", "--field", "industry"),
    ):
        done = service.shell(*arguments)
        assert done.returncode == 0, done.stderr


def _measured(service: Service, asked: argparse.Namespace) -> dict[str, Any]:
    api = _pid_of(service, "enrich.api")
    with _runs(service):
        alone = _cost_percent(api, asked.alone)
        with chromium() as browser:
            visitor = Visitor(browser, service.url, service.key)
            with visitor.page() as page:
                page.get_by_text("Live").wait_for()
                began_s, cpu_s = time.monotonic(), _cpu_s(api)
                seen = _watched(page, asked.seconds)
                watched = 100 * (_cpu_s(api) - cpu_s) / (time.monotonic() - began_s)
    gaps_s = [(b - a) / 1000 for a, b in zip(seen.changed_ms, seen.changed_ms[1:], strict=False)]
    first, last = _ends_of(seen.heap_mb)
    return {
        "seconds": asked.seconds,
        "changes": len(seen.changed_ms),
        "gap_p50_s": _share(gaps_s, 0.5),
        "gap_p99_s": _share(gaps_s, 0.99),
        "gap_max_s": _share(gaps_s, 1.0),
        "heap_mb": [(round(at), round(size, 2)) for at, size in seen.heap_mb],
        "heap_growth_mb": round(last - first, 2),
        "cpu_percent_alone": round(alone, 2),
        "cpu_percent_watched": round(watched, 2),
        "cpu_percent_a_viewer": round(watched - alone, 2),
        "complaints": visitor.errors,
    }


@contextmanager
def _runs(service: Service) -> Iterator[None]:
    """Have the table enriched from its beginning, over and over, by a process beside us."""
    command = [sys.executable, "-m", "enrich.cli", "run", _TABLE]
    command += ["--force", "cells", "--wait", "--json"]
    loop = f"while {' '.join(command)} >/dev/null 2>&1; do :; done"
    beside = subprocess.Popen(
        ["/bin/sh", "-c", loop],
        cwd=service.shell.folder,
        env=service.shell.own_environment(),
        start_new_session=True,
    )
    caller = service.caller()
    try:
        assert eventually(lambda: bool(caller.get("/v1/runs").json()["items"]), within_s=60)
        yield
        assert beside.poll() is None, "a run ended badly"
    finally:
        os.killpg(beside.pid, 15)
        beside.wait()


def _watched(page: Page, seconds: float) -> Seen:
    """Look at the page for so long; what it notes of itself is taken every few seconds."""
    seen, began_s = Seen(), time.monotonic()
    session = page.context.new_cdp_session(page)
    page.evaluate(_NOTE)
    while (at_s := time.monotonic() - began_s) < seconds:
        seen.heap_mb.append((at_s, _heap_mb(session)))
        page.wait_for_timeout(1000 * min(_LOOK_S, seconds - at_s))
        seen.changed_ms += page.evaluate(_TAKE)
    seen.heap_mb.append((seconds, _heap_mb(session)))
    return seen


def _heap_mb(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def _ends_of(heap_mb: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Give the means of the second and the last tenth: in the first one the page is still built."""
    sizes = [size for _, size in heap_mb]
    tenth = max(1, len(sizes) // 10)
    first, last = sizes[tenth : 2 * tenth], sizes[-tenth:]
    return sum(first) / len(first), sum(last) / len(last)


def _cost_percent(pid: int, seconds: float) -> float:
    before_s = _cpu_s(pid)
    time.sleep(seconds)
    return 100 * (_cpu_s(pid) - before_s) / seconds


def _cpu_s(pid: int) -> float:
    """Read what a process has used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _pid_of(service: Service, module: str) -> int:
    """Find the child of the service that runs a module."""
    children = Path(f"/proc/{service.process.pid}/task").glob("*/children")
    pids = [int(pid) for child in children for pid in child.read_text().split()]
    (found,) = [pid for pid in pids if module in Path(f"/proc/{pid}/cmdline").read_text()]
    return found


def _share(values: Sequence[float], share: float) -> float:
    ordered = sorted(values) or [float("inf")]
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def _broken(told: dict[str, Any]) -> list[str]:
    return [name for name, most in BOUNDS.items() if told[name] > most]


if __name__ == "__main__":
    sys.exit(main())
