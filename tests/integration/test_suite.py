"""How the suite is run: what fails by chance is told, and what is broken stays broken."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
#: The plugins of this project have no part in it, and take their time.
_PLAIN = {"PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
_IN_TWO = ("-p", "xdist", "--numprocesses=2", "--dist=loadfile")
_STEADY = "def test_steady(): pass\n"
_BROKEN = "def test_broken(): assert False\n"
#: Fails beside others, and passes when it is run again.
_CHANCE = """
from pathlib import Path
def test_chance():
    seen = Path("seen")
    was_there = seen.exists()
    seen.touch()
    assert was_there
"""


_CRASHING = "import os\ndef test_crashing(): os._exit(1)\n"
_UNPREPARED = """
import pytest
@pytest.fixture
def missing(): raise OSError
def test_unprepared(missing): pass
"""


def suite(folder: Path, *more: str, **files: str) -> "subprocess.CompletedProcess[str]":
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "tests.suite", "-p", "no:cacheprovider", "--rootdir", ".", *more],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_ROOT), **_PLAIN},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_passes_alone_is_named_and_lets_the_suite_pass(tmp_path: Path) -> None:
    done = suite(tmp_path, steady=_STEADY, chance=_CHANCE)

    assert done.returncode == 0, done.stdout
    assert "test_chance.py::test_chance\nfailed beside others and passed alone" in done.stdout


def test_what_fails_twice_fails_the_suite(tmp_path: Path) -> None:
    done = suite(tmp_path, steady=_STEADY, broken=_BROKEN, chance=_CHANCE)

    assert done.returncode == 1
    assert "passed alone" not in done.stdout


def test_what_breaks_in_many_places_is_not_tried_again(tmp_path: Path) -> None:
    done = suite(tmp_path, chance=_CHANCE, one=_BROKEN, two=_BROKEN)

    assert done.returncode == 1
    assert "once more" not in done.stdout


def test_a_suite_that_cannot_be_read_is_not_tried_again(tmp_path: Path) -> None:
    done = suite(tmp_path, steady=_STEADY, unreadable="def")

    assert done.returncode not in (0, 1)
    assert "once more" not in done.stdout


def test_a_process_that_crashes_fails_the_suite_at_once(tmp_path: Path) -> None:
    done = suite(tmp_path, *_IN_TWO, steady=_STEADY, crashing=_CRASHING)

    assert done.returncode == 1
    assert "once more" not in done.stdout


def test_what_cannot_be_prepared_fails_twice(tmp_path: Path) -> None:
    done = suite(tmp_path, *_IN_TWO, steady=_STEADY, unprepared=_UNPREPARED)

    assert (done.returncode, "once more" in done.stdout) == (1, True)


def test_a_suite_without_a_failure_is_run_once(tmp_path: Path) -> None:
    done = suite(tmp_path, steady=_STEADY)

    assert (done.returncode, done.stdout.count("test session starts")) == (0, 1)
