"""A worker, the scheduler and the servers they need, for as long as a command runs."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from enrich import embedded
from enrich.bootstrap import endpoints, settings
from enrich.embedded.processes import Program, Supervisor
from enrich.errors import DependencyError
from enrich.settings import FlowerSettings
from tasks.app import app
from tasks.canvas import CeleryDispatcher
from tasks.settings import BULK, EXPRESS, QUEUES, worker_arguments

__all__ = [
    "beat_program",
    "dispatching",
    "flower_program",
    "node_of",
    "own_servers",
    "stopped_by_signals",
    "wait_until_ready",
    "worker_program",
    "worker_programs",
]

_READY_S = 90.0
_EXPRESS_THREADS = 8
_LOG_LINES = 15
#: The C library keeps an arena for each of a worker's threads, and in each what was freed there:
#: 25 MB of 162 after 50,000 rows, and 8 MB of 152 with two arenas, at the same rate.
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


def worker_program(
    name: str,
    *,
    threads: int | None = None,
    queues: Sequence[str] = QUEUES,
    log: Path | None = None,
) -> Program:
    """Describe a worker, of all queues by default, known to Celery as `name@host`."""
    more = {} if threads is None else {"threads": threads}
    arguments = worker_arguments(queues=queues, **more)
    command = [*_celery(), *arguments, f"--hostname={node_of(name)}"]
    environment = {key: os.environ.get(key, value) for key, value in _FEW_ARENAS.items()}
    return Program(name=name, command=command, environment=environment, log=log)


def worker_programs(
    workers: int, *, threads: int | None = None, log: Path | None = None
) -> list[Program]:
    """Describe that many workers of batches, and one for what somebody waits for.

    Their logs lie in the folder `log`; without one they print where we do.
    """
    many = [
        worker_program(name, threads=threads, queues=BULK, log=log / f"{name}.log" if log else None)
        for name in (f"worker{number}" for number in range(1, workers + 1))
    ]
    few = log / "express.log" if log else None
    return [*many, worker_program("express", threads=_EXPRESS_THREADS, queues=EXPRESS, log=few)]


def beat_program(*, log: Path | None = None) -> Program:
    """Describe the scheduler: it ticks the sweep and whatever else is due."""
    return Program(name="beat", command=[*_celery(), "beat", "--loglevel=INFO"], log=log)


def flower_program(own: FlowerSettings, *, log: Path | None = None) -> Program:
    """Describe Flower: read only unless it asks for a password, which no list of processes shows.

    It has the workers tell of every task, which costs a third of their rate while it runs.
    """
    environment = {
        "FLOWER_ADDRESS": own.host,
        "FLOWER_PORT": str(own.port),
        "FLOWER_READ_ONLY": "false" if own.basic_auth else "true",
        "FLOWER_TASKS_COLUMNS": "name,args,state,received,runtime,worker",
    }
    if own.basic_auth:
        environment["FLOWER_BASIC_AUTH"] = own.basic_auth.get_secret_value()
    # While workers start it warns that they do not answer yet.
    command = [*_celery(), "flower", "--logging=error"]
    return Program(name="flower", command=command, environment=environment, log=log)


def wait_until_ready(supervisor: Supervisor, program: Program) -> int:
    """Wait until a worker answers; gives its process number.

    Raises:
        DependencyError: it ended, or did not answer in time; the message has the end of its log.
    """
    end_s = time.monotonic() + _READY_S
    while time.monotonic() < end_s and (pid := supervisor.pids.get(program.name)):
        if app.control.ping(destination=[node_of(program.name)], timeout=0.5):
            return pid
    raise DependencyError(f"{program.name} did not start{_end_of(program.log)}")


@contextmanager
def own_servers(*, keep: bool = False) -> Iterator[tuple[embedded.Server, ...]]:
    """Start the embedded servers where no address is set; stop at the end those that were not up.

    Gives the servers that this call has started.
    """
    home = settings().home
    before = {status.server for status in embedded.status(home) if status.is_alive}
    endpoints()
    now = {status.server for status in embedded.status(home) if status.is_alive}
    started = tuple(sorted(now - before))
    try:
        yield started
    finally:
        if started and not keep:
            embedded.stop(home, only=started)


@contextmanager
def dispatching() -> Iterator[CeleryDispatcher]:
    """Give what sends steps to the workers; let go of the broker while it still answers."""
    try:
        yield CeleryDispatcher(app)
    finally:
        # The results of chords are kept by Celery to the end of the process, and unsubscribe when
        # the broker may be gone. They are nobody's here: say that there is nothing to unsubscribe.
        consumer = getattr(app.backend, "result_consumer", None)
        if consumer is not None:
            consumer.subscribed_to.clear()
        app.close()


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that what it started is stopped.

    A SIGHUP that whoever started us has us ignore (`nohup`) stays ignored.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    heard = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _celery() -> list[str]:
    # Quiet: its banners would bury what `enrich up` says, above all the key that is shown once.
    return [sys.executable, "-m", "celery", "-A", "tasks", "--quiet"]


def node_of(name: str) -> str:
    """Give the name that Celery knows a worker by."""
    # Two of us on one machine must not answer for each other.
    return f"{name}-{os.getpid()}@{socket.gethostname()}"


def _end_of(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    return f"; its log is {log} and ends:\n" + "\n".join(f"  {line}" for line in lines)
