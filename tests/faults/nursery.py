"""Workers that begin at once: forked from a process that has imported everything before.

`python -m tests.faults.nursery -A APPLICATION worker --pool=…` forks such a worker for every line
on its standard input, each in a session of its own, and answers with its process number.
"""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.waiting import eventually

__all__ = ["Nursery", "nursery"]

_ROOT = Path(__file__).parents[2]
#: What Celery's command imports only while a worker starts, its plug-ins included.
_LATE = ("celery.bin.celery", "celery.apps.worker", "celery.worker.consumer", "celery.worker.state")


@dataclass(slots=True)
class Nursery:
    """The process that forks them; one worker lives at a time."""

    process: subprocess.Popen[str]
    log: Path
    worker: int | None = None

    def start(self) -> None:
        """Start a worker; returns before it is ready."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.worker = int(self.process.stdout.readline())

    def kill(self) -> None:
        """End the worker by SIGKILL, with all its children."""
        if self.worker is None:
            return
        pid, self.worker = self.worker, None
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        assert eventually(lambda: not any(_group(pid))), "a killed worker lives on"

    def cpu_s(self) -> float:
        """Give the processor time that the worker and its children have taken so far."""
        ticks = sum(int(fields[11]) + int(fields[12]) for fields in _group(self.worker))
        return ticks / os.sysconf("SC_CLK_TCK")

    def said(self) -> str:
        """Read all that the workers have printed."""
        return self.log.read_text(errors="replace")


def _group(group: int | None) -> Iterator[list[str]]:
    """Give what the system says of each living process of a group, from its state on."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "XZ":
                yield fields


@contextmanager
def nursery(
    application: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[Nursery]:
    """Keep such a process; it and its worker are ended with the block."""
    own = {"PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "tests.faults.nursery", "-A", application, "worker"]
    with log.open("ab") as written:
        process = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle", *arguments],
            env=os.environ | own | dict(environment),
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        )
    made = Nursery(process, log)
    try:
        yield made
    finally:
        made.kill()
        process.kill()
        process.communicate()


def _serve(arguments: list[str]) -> None:
    # Before anything else is imported, as Celery's own command does.
    from celery import maybe_patch_concurrency

    maybe_patch_concurrency(["celery", *arguments])
    for name in (*_LATE, arguments[arguments.index("-A") + 1]):
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    while os.read(0, 1):
        pid = os.fork()
        if not pid:
            _be_a_worker(arguments)
        print(pid, flush=True)  # noqa: T201


def _be_a_worker(arguments: list[str]) -> NoReturn:
    from celery.__main__ import main

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.argv = ["celery", *arguments]
    main()
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1:])
