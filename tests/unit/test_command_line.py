"""The command line is quick to help, and says how it ended by its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_HEAVY = ("celery", "kombu", "sqlalchemy", "psycopg2", "redis", "rich", "pydantic", "providers")


def _enrich(
    *arguments: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "enrich.cli", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=folder,
        env={**os.environ, **environment},
    )


def test_help_loads_none_of_the_libraries() -> None:
    code = f"""
import contextlib, sys
from enrich.cli.main import main
with contextlib.suppress(SystemExit):
    main(["--help"])
sys.exit(", ".join(name for name in {_HEAVY!r} if name in sys.modules) or 0)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Fill the missing cells" in done.stdout


def test_unknown_command_offers_the_nearest() -> None:
    done = _enrich("imprt")

    assert done.returncode == 2
    assert "Did you mean 'import'?" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["import", "/nowhere.csv", "--table", "t"], id="V12-missing-file"),
        pytest.param(["import", "/dev/zero", "--table", "t"], id="V12-device"),
        pytest.param(["import", "x.csv"], id="no-table"),
        pytest.param(["import", "x.csv", "--table", "t", "--max-rows", "0"], id="V14-zero"),
        pytest.param(["import", "x.csv", "--table", "t", "--max-rows", "abc"], id="V14-word"),
        pytest.param(["import", "x.csv", "--table", "t", "--map", "x"], id="bad-map"),
        pytest.param(["export", "t", "--format", "xlsx"], id="unknown-format"),
    ],
)
def test_bad_usage_is_exit_code_2_without_a_traceback(arguments: list[str]) -> None:
    done = _enrich(*arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        pytest.param(["imprt", "--json"], "Usage", 2, id="an unknown command"),
        pytest.param(["schedule", "add", "t", "--json"], "MissingParameter", 2, id="an option"),
    ],
)
def test_an_error_is_json_where_json_is_wanted(arguments: list[str], kind: str, code: int) -> None:
    done = _enrich(*arguments)

    error = json.loads(done.stderr)["error"]
    assert (done.returncode, done.stdout) == (code, "")
    assert (error["kind"].removesuffix("Error"), error["exit_code"]) == (kind, code)
    assert error["message"]


def test_a_wrong_setting_is_json_and_repeats_no_secret() -> None:
    canary = "a-canary-in-a-setting"

    done = _enrich("schedule", "list", "--json", ENRICH_FLOWER__BASIC_AUTH=canary)

    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["kind"] == "Settings"
    assert canary not in done.stderr


def test_a_shell_is_told_how_to_complete() -> None:
    done = _enrich("completion", "zsh")

    assert done.returncode == 0
    assert "_ENRICH_COMPLETE" in done.stdout


def test_a_shell_completes_commands_without_loading_them() -> None:
    typed = {"COMP_WORDS": "enrich sched", "COMP_CWORD": "1"}

    done = _enrich(_ENRICH_COMPLETE="bash_complete", **typed)

    assert done.stdout == "plain,schedule\n"


@pytest.mark.parametrize("line", ["env", "cell t 1 c", "tables --json"], ids=str)
def test_who_looks_in_another_folder_starts_no_servers(line: str, tmp_path: Path) -> None:
    nowhere = {"DATABASE_URL": "", "REDIS_URL": "", "ENRICH_HOME": ""}

    done = _enrich(*line.split(), folder=tmp_path, **nowhere)

    assert (done.returncode, done.stdout) == (2, "")
    assert "no servers were started in" in done.stderr
    assert not (tmp_path / ".enrich").exists()


def test_a_purge_that_nobody_can_confirm_names_the_way_out() -> None:
    done = _enrich("purge", "t", "--row", "r1")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "enrich: purge: nobody is there to be asked; add --yes"
