"""How long it takes until an import is done, the shell answers, and a worker takes work."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from enrich.embedded.processes import Supervisor
from tests.benchmarks.measuring import Figure
from tests.benchmarks.places import Place

__all__ = ["startup"]

_ROUNDS, _WORKERS = 11, 3
#: What is started, and the milliseconds that it may take.
_COMMANDS: Final = {
    "import enrich": (("import enrich",), 100),
    "enrich --help": (("from enrich.cli.main import main; main()", "--help"), 200),
}


def startup(_place: Place) -> list[Figure]:
    """Start each by turns with an interpreter that does nothing."""
    figures = [
        _figure(name, lambda words=words: _python_s(*words), rounds=_ROUNDS, goal_ms=goal_ms)  # type: ignore[misc] # bound now
        for name, (words, goal_ms) in _COMMANDS.items()
    ]
    return [*figures, _figure("worker, until it answers", _worker_s, rounds=_WORKERS)]


def _figure(
    name: str, start_s: Callable[[], float], *, rounds: int, goal_ms: float | None = None
) -> Figure:
    start_s()  # what is compiled and cached the first time is so from then on
    pairs = [(start_s(), _python_s("pass")) for _ in range(rounds)]
    return Figure(
        name="start-up",
        what=name,
        against="python -c pass",
        value_us=median(own for own, _ in pairs) * 1e6,
        against_us=median(bare for _, bare in pairs) * 1e6,
        ratio=median(own / bare for own, bare in pairs),
        more={"goal_ms": goal_ms} if goal_ms else {},
    )


def _python_s(*words: str) -> float:
    """Run a line of Python to its end; give the seconds."""
    started_s = time.perf_counter()
    command = [sys.executable, "-c", *words]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=60)
    return time.perf_counter() - started_s


def _worker_s() -> float:
    """Start a worker of all queues; give the seconds until it answers."""
    # Imported late: the settings are read when they are.
    from enrich.cli.workers import wait_until_ready, worker_program

    with TemporaryDirectory() as folder:
        program = worker_program("starting", log=Path(folder) / "worker.log")
        started_s = time.perf_counter()
        with Supervisor([program]) as supervisor:
            wait_until_ready(supervisor, program)
            return time.perf_counter() - started_s
