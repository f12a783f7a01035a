"""Real workers of a Celery application, in sessions of their own, and a server for them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.conftest import Valkey

__all__ = ["WorkerProcess", "a_server"]

_ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class WorkerProcess:
    """`celery worker` with its children; killed by its own number, all of them at once."""

    application: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it; returns before it is ready."""
        command = [sys.executable, "-m", "celery", "-A", self.application, "worker"]
        own = {"PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--without-gossip", "--without-mingle", *self.arguments],
                env=os.environ | own | dict(self.environment),
                cwd=_ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether its main process is alive."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: int) -> None:
        """Send a signal to it and its children."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it by SIGKILL, with all its children."""
        if self._process is None:
            return
        self.send(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def end(self, *, within_s: float = 20.0) -> int | None:
        """End it in good order; gives its exit code, None when it had to be killed."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()

    def said(self) -> str:
        """Read all that it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@contextmanager
def a_server(*options: str, binary: str = "") -> Iterator[Valkey]:
    """Run a server behind a socket, in a folder that goes with it."""
    own = Valkey(Path(tempfile.mkdtemp(prefix="enrich-w-")), options, binary=binary)
    try:
        own.start()
        yield own
    finally:
        own.stop()
        shutil.rmtree(own.home)
