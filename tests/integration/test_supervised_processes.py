"""Programs are started again when they end, and none outlives us."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from enrich.embedded.processes import Program, Supervisor
from enrich.errors import DependencyError
from tests.waiting import eventually

_IDLE = "import time; print('up', flush=True); time.sleep(600)"
_STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_IDLE}"


def _program(code: str, log: Path) -> Program:
    return Program(name="idle", command=[sys.executable, "-c", code], log=log)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_killed_program_is_started_again(tmp_path: Path) -> None:
    told: list[str] = []
    program = _program(_IDLE, tmp_path / "log")

    with Supervisor([program], tell=told.append, first_pause_s=0.01) as supervisor:
        first = supervisor.pids["idle"]
        os.kill(first, signal.SIGKILL)
        again = eventually(lambda: supervisor.mend() or supervisor.pids.get("idle", first) != first)

    assert again
    assert told == ["idle ended with -9; it is started again in 0.01 s"]


def test_frozen_program_is_replaced(tmp_path: Path) -> None:
    told: list[str] = []
    program = _program(_IDLE, tmp_path / "log")

    with Supervisor([program], tell=told.append, first_pause_s=0.01) as supervisor:
        first = supervisor.pids["idle"]
        os.kill(first, signal.SIGSTOP)
        supervisor.replace("idle")
        again = eventually(lambda: supervisor.mend() or supervisor.pids.get("idle", first) != first)

    assert again
    assert told[0] == f"idle ({first}) runs and does not answer; it is killed"


def test_pause_grows_while_a_program_ends_at_once(tmp_path: Path) -> None:
    told: list[str] = []
    program = _program("raise SystemExit(3)", tmp_path / "log")

    with Supervisor([program], tell=told.append, first_pause_s=0.01) as supervisor:
        eventually(lambda: supervisor.mend() or len(told) >= 3)

    assert [sentence.split()[-2] for sentence in told[:3]] == ["0.01", "0.02", "0.04"]


@pytest.mark.parametrize("code", [_IDLE, _STUBBORN], ids=["willing", "stubborn"])
def test_nothing_is_left_after_stop(tmp_path: Path, code: str) -> None:
    log = tmp_path / "log"

    with Supervisor([_program(code, log)]) as supervisor:
        pid = supervisor.pids["idle"]
        assert eventually(lambda: log.exists() and "up" in log.read_text())
        supervisor.stop(patience_s=0.2)

    assert not _lives(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel must know how")
def test_program_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"""
import sys, time
from pathlib import Path
from enrich.embedded.processes import Program, Supervisor
program = Program(name="idle", command=[sys.executable, "-c", {_IDLE!r}], log=Path({str(log)!r}))
with Supervisor([program]) as supervisor:
    print(supervisor.pids["idle"], flush=True)
    time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert eventually(lambda: log.exists() and "up" in log.read_text())

    parent.kill()
    parent.communicate()

    assert parent.returncode == -signal.SIGKILL
    assert eventually(lambda: not _lives(child))


def test_program_that_is_not_there_is_a_dependency_error(tmp_path: Path) -> None:
    program = Program(name="none", command=[str(tmp_path / "no-such-program")])

    with pytest.raises(DependencyError, match="does not start"), Supervisor([program]):
        pass
