"""Server processes that outlive whoever started them.

A server inherits the descriptor of a locked file. While any process of it lives, the file is
locked; when the last one is gone, by whatever death, it is not. So nothing here trusts a process
number that was written down, except to send the signal that ends a server known to live.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from enrich.embedded.account import Account
from enrich.embedded.home import Home, holds, locked
from enrich.errors import EmbeddedServerError

__all__ = ["bring_up", "launch", "run_once", "stop_process", "until"]

_POLL_S = 0.02
_LOG_LINES = 15
#: The shell ends at once, so the server belongs to init and no starter has to wait for it.
_DETACH = '"$@" >&2 & echo $!'
#: Nothing of ours: it may hold credentials, and variables such as PGPORT would have an effect.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def until(condition: Callable[[], bool], *, deadline_s: float) -> bool:
    """Wait until the condition holds; False when it still does not after `deadline_s`."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL_S)
    return True


def bring_up(
    home: Home,
    name: str,
    start: Callable[[], None],
    answers: Callable[[Home], bool],
    *,
    deadline_s: float,
) -> bool:
    """Start a server unless it runs, and wait until it answers; True when it was started now.

    Raises:
        EmbeddedServerError: it did not come up; the message holds the end of its log.
    """
    started = not holds(home.alive(name))
    if started:
        start()
    up = until(lambda: answers(home) or not holds(home.alive(name)), deadline_s=deadline_s)
    if not (up and answers(home)):
        raise _failed_to_start(name, home.log(name))
    return started


def launch(home: Home, name: str, command: Sequence[str], account: Account) -> None:
    """Start a server in a session of its own; returns at once, before it is ready."""
    with home.log(name).open("ab") as log, locked(home.alive(name)) as alive:
        os.ftruncate(alive, 0)
        subprocess.run(
            ["/bin/sh", "-c", _DETACH, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=alive,
            stderr=log,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
            pass_fds=(alive,),
            check=True,
            **_as(account),
        )


def run_once(
    command: Sequence[str], *, log: Path, account: Account, lock: int, timeout_s: float
) -> None:
    """Run a program to its end, its output in `log`; it keeps `lock` even if we are killed.

    Raises:
        EmbeddedServerError: it failed or took too long.
    """
    with log.open("ab") as out:
        try:
            subprocess.run(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env=_ENVIRONMENT,
                pass_fds=(lock,),
                check=True,
                timeout=timeout_s,
                **_as(account),
            )
        except (subprocess.SubprocessError, OSError) as exc:
            raise _failed_to_start(Path(command[0]).name, log) from exc


def stop_process(home: Home, name: str, *, sig: signal.Signals, deadline_s: float) -> bool:
    """Ask a server to end and wait until it has; kill it after `deadline_s`.

    False when it was not running.
    """
    alive = home.alive(name)
    if not holds(alive):
        return False
    for step in (sig, signal.SIGKILL):
        # The first process may be gone already, with only its children still to end.
        with suppress(ProcessLookupError):
            os.kill(int(alive.read_text()), step)
        if until(lambda: not holds(alive), deadline_s=deadline_s):
            return True
    raise EmbeddedServerError(f"{name} does not end; its log is {home.log(name)}")


def _failed_to_start(name: str, log: Path) -> EmbeddedServerError:
    """Build the error that says where the log lies and how it ends."""
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    tail = "\n".join(f"  {line}" for line in lines)
    return EmbeddedServerError(f"{name} did not start; its log is {log} and ends:\n{tail}")


def _as(account: Account) -> dict[str, Any]:
    if account.is_me:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}
