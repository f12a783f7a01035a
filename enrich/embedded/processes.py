"""Programs of ours (a worker, the scheduler) kept running as children of this process.

Each runs in a session of its own, so that Ctrl-C reaches only us and we end it in good order. Where
the system knows how (Linux), a child is told to end when we die, by whatever death.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from enrich.errors import DependencyError

__all__ = ["Program", "Supervisor"]

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is to run: its command, what its environment has beside ours, and where it prints.

    Without a `log` it prints where we do.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None


@dataclass(slots=True)
class _Life:
    """A program's present process, and when it may be started again."""

    process: subprocess.Popen[bytes]
    began_s: float
    failures: int = 0
    again_s: float | None = None  # None while it runs


class Supervisor:
    """Starts programs, starts them again with growing pauses when they end, and ends them.

    A context manager: leaving it ends what it started. Use it from the main thread, because on
    Linux the children live as long as the thread that started them.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        tell: Callable[[str], None] = lambda _sentence: None,
        first_pause_s: float = 1.0,
        longest_pause_s: float = 30.0,
    ) -> None:
        self._programs = tuple(programs)
        self._tell = tell
        self._first_s, self._longest_s = first_pause_s, longest_pause_s
        self._lives: dict[str, _Life] = {}

    def __enter__(self) -> "Supervisor":
        """Start all programs."""
        try:
            for program in self._programs:
                self._lives[program.name] = _Life(_spawn(program), time.monotonic())
        except OSError as exc:
            self.stop()
            raise DependencyError(f"a program does not start: {exc.strerror or exc}") from exc
        return self

    def __exit__(self, *_: object) -> None:
        """End all programs."""
        self.stop()

    @property
    def pids(self) -> Mapping[str, int]:
        """The process numbers of what runs now, by the programs' names."""
        return {
            name: life.process.pid
            for name, life in self._lives.items()
            if life.process.poll() is None
        }

    def keep(self, until: threading.Event) -> None:
        """Start again whatever ends, until the event is set."""
        while not until.wait(_POLL_S):
            self.mend()

    def mend(self) -> None:
        """Look once at each program, and start again what ended and has paused long enough."""
        for program in self._programs:
            life, now_s = self._lives[program.name], time.monotonic()
            if life.again_s is not None and now_s >= life.again_s:
                self._lives[program.name] = _Life(_spawn(program), now_s, failures=life.failures)
            elif life.again_s is None and life.process.poll() is not None:
                self._plan(program, life, now_s)

    def replace(self, name: str) -> None:
        """Kill a program that runs and does nothing; `mend` starts it again."""
        if pid := self.pids.get(name):
            self._tell(f"{name} ({pid}) runs and does not answer; it is killed")
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def stop(self, *, patience_s: float = 20.0) -> None:
        """Ask all to end, wait, and kill what has not ended within `patience_s`."""
        lives = [life for life in self._lives.values() if life.process.poll() is None]
        for life in lives:
            life.process.terminate()
        end_s = time.monotonic() + patience_s
        for life in lives:
            with suppress(subprocess.TimeoutExpired):
                life.process.wait(max(0.0, end_s - time.monotonic()))
            # The whole session, children of its own included; by now it is usually empty.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(life.process.pid, signal.SIGKILL)
            life.process.wait()

    def _plan(self, program: Program, life: _Life, now_s: float) -> None:
        lived_s = now_s - life.began_s
        life.failures = 1 if lived_s > 2 * self._longest_s else life.failures + 1
        pause_s = min(self._longest_s, self._first_s * 2 ** (life.failures - 1))
        life.again_s = now_s + pause_s
        code = life.process.returncode
        self._tell(f"{program.name} ended with {code}; it is started again in {pause_s:g} s")


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    log = program.log.open("ab") if program.log else None
    try:
        return subprocess.Popen(
            list(program.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            env={**os.environ, **program.environment},
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
    finally:
        if log:
            log.close()


def _die_with_parent() -> Callable[[], None] | None:
    """Give what the child does first: ask the kernel for a signal when its parent dies."""
    if not sys.platform.startswith("linux"):
        return None
    # Loaded here, because between fork and exec a lock of the loader may be held for ever.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
