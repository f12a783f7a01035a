"""The command `enrich` as a person uses it: a process, its output and its exit code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Shell", "end", "listen_to_interrupts"]

_TIMEOUT_S = 180
_END_S = 120
_FRESH = (sys.executable, "-m", "enrich.cli")


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `enrich` in a folder with an environment of its own."""

    folder: Path
    environment: Mapping[str, str]
    #: What runs a command line to its end; those that are begun and left are started afresh.
    program: tuple[str, ...] = _FRESH

    def __call__(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command line to its end."""
        return subprocess.run(
            [*self.program, *arguments],
            cwd=self.folder,
            env=self.own_environment(),
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
        )

    def json(self, *arguments: str) -> Any:
        """Run a command line that must end well, with `--json`, and read what it prints."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command line in a session of its own; the caller ends it."""
        return subprocess.Popen(
            [*_FRESH, *arguments],
            cwd=self.folder,
            env=self.own_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A suite begun in the background ignores this signal, and so would its children.
            preexec_fn=listen_to_interrupts,
        )

    def write(self, name: str, content: str | bytes) -> str:
        """Write a file into the folder and give its name."""
        raw = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(raw)
        return name

    def own_environment(self) -> dict[str, str]:
        """Give the variables that its commands see: ours only where they are its own."""
        ours = ("ENRICH_", "DATABASE_URL", "REDIS_URL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**kept, **self.environment}


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """Send a signal and give what the process printed until its end."""
    process.send_signal(number)
    try:
        return process.communicate(timeout=_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def listen_to_interrupts() -> None:
    """Undo, in a child, what a shell does to the programs that it begins in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
