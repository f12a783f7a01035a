"""A table through the shell: in, enriched, looked at, out and in again."""

import os
import re
import signal
import subprocess
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.shell import Shell, end
from tests.waiting import eventually

pytestmark = pytest.mark.servers

_COMPANIES = """\
Symbol,Company,HQ,Note
MMM,3M,"Saint Paul, Minnesota",=1+1
ABT,Abbott Laboratories,"North Chicago, Illinois",-
AAPL,Apple Inc.,"Cupertino, California",'quoted
"""


@pytest.fixture(scope="module")
def run(shell: Shell) -> dict[str, Any]:
    """The summary of a run over three companies."""
    shell.write("companies.csv", _COMPANIES)
    shell.json("import", "companies.csv", "--table", "companies")
    columns = ("--columns", "website,country,industry")
    summary = shell.json("run", "companies", *columns, "--in-process")
    assert isinstance(summary, dict)
    return summary


def test_run_fills_cells(run: dict[str, Any]) -> None:
    assert (run["state"], run["rows"], run["failed"]) == ("done", 3, 0)
    assert run["filled"] >= 6


def test_status_tells_what_the_run_told(shell: Shell, run: dict[str, Any]) -> None:
    assert shell.json("status", str(run["run_id"])) == run


def test_runs_lists_the_run(shell: Shell, run: dict[str, Any]) -> None:
    assert run["run_id"] in [one["run_id"] for one in shell.json("runs")]


def test_cell_shows_who_said_what(shell: Shell, run: dict[str, Any]) -> None:
    cell = shell.json("cell", "companies", "MMM", "website", "--evidence")

    assert cell["provenance"]["provider"] in [said["provider"] for said in cell["evidence"]]
    assert {said["run"] for said in cell["evidence"]} == {run["run_id"]}
    assert cell["value"] in [said["value"] for said in cell["evidence"]]


def test_cell_is_readable_without_json(shell: Shell, run: dict[str, Any]) -> None:
    shown = shell("cell", "companies", "MMM", "website", "--evidence").stdout

    assert "state       filled" in shown
    assert re.search(rf"^{run['run_id']} +company_facts", shown, re.MULTILINE)


def test_estimate_stores_nothing(shell: Shell, run: dict[str, Any]) -> None:
    columns = shell.json("columns", "companies")["columns"]

    found = shell.json("run", "companies", "--columns", "employees", "--estimate")

    assert (found["rows"], found["cells"], found["out_of_reach"]) == (3, 3, 0)
    assert found["replayed"] is None
    assert shell.json("columns", "companies")["columns"] == columns
    assert shell.json("runs", "--limit", "1")[0]["run_id"] == run["run_id"]


def test_export_comes_back_without_a_change(shell: Shell, run: dict[str, Any]) -> None:
    done = shell("export", "companies", "--provenance", "--output", "back.csv", "--force")
    report = shell.json("import", "back.csv", "--table", "companies")

    assert done.returncode == 0
    assert (report["rows"], report["inserted"], report["changed"]) == (3, 0, 0)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_texts_survive_a_way_through_another_table(
    shell: Shell, run: dict[str, Any], form: str
) -> None:
    first = shell("export", "companies", "--format", form).stdout
    shell.write(f"copy.{form}", first)
    shell.json("import", f"copy.{form}", "--table", f"copy_{form}")

    assert shell("export", f"copy_{form}", "--format", form).stdout == first
    assert first.count("=1+1") == 1


def test_csv_export_is_inert_in_a_spreadsheet(shell: Shell, run: dict[str, Any]) -> None:
    exported = shell("export", "companies").stdout

    assert '"\'=1+1"' in exported
    assert exported.splitlines()[0].endswith('"_guarded"')


def test_typed_value_stays_under_force(shell: Shell, run: dict[str, Any]) -> None:
    shell.write("typed.csv", "Symbol,Website\nMMM,https://typed.example\n")
    shell.json("import", "typed.csv", "--table", "companies")

    shell.json("run", "companies", "--columns", "website", "--force", "cells", "--in-process")

    assert shell.json("cell", "companies", "MMM", "website")["value"] == "https://typed.example"


def test_standard_input_is_a_file_too(shell: Shell) -> None:
    done = shell("import", "-", "--table", "piped", input="id;name\n1;Zoë\n")

    assert done.returncode == 0
    assert "1 rows, named by 'id': 1 new" in done.stdout


def test_another_tenant_sees_nothing(shell: Shell, run: dict[str, Any]) -> None:
    done = shell("export", "companies", "--tenant", "other")

    assert (done.returncode, done.stdout) == (2, "")
    assert shell.json("tables", "--tenant", "other") == []


_BROKEN = {
    "empty": "",
    "header-only": "id,name\n",
    "duplicate-column": "id,name,name\n1,a,b\n",
    "unclosed-quote": 'id,name\n1,"a\n2,b\n',
    "nul": "id,name\n1,a\0b\n",
    "latin-1": "id,name\n1,Zürich\n".encode("latin-1"),
    "200-kB-field": f"id,name\n1,{'x' * 200_000}\n",
}


@pytest.mark.parametrize("content", _BROKEN.values(), ids=_BROKEN.keys())
def test_broken_csv_is_one_sentence_and_nothing_is_imported(
    shell: Shell, content: str | bytes
) -> None:
    name = shell.write("broken.csv", content)

    done = shell("import", name, "--table", "broken")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("enrich: broken.csv")
    assert done.stderr.count("\n") == 1
    assert "broken" not in [table["name"] for table in shell.json("tables")]


def test_named_pipe_is_refused_without_waiting_for_it(shell: Shell) -> None:
    os.mkfifo(shell.folder / "pipe")

    done = shell("import", "pipe", "--table", "piped")

    assert done.returncode == 2
    assert "pipe it in and give the path -" in done.stderr


def test_export_does_not_replace_a_file_unasked(shell: Shell, run: dict[str, Any]) -> None:
    shell.write("there.csv", "mine")

    done = shell("export", "companies", "--output", "there.csv")

    assert done.returncode == 2
    assert (shell.folder / "there.csv").read_text() == "mine"


def test_full_disk_is_exit_code_1_with_one_sentence(shell: Shell, run: dict[str, Any]) -> None:
    with Path("/dev/full").open("w") as full:
        done = shell("export", "companies", stdout=full)

    assert (done.returncode, done.stderr) == (1, "enrich: cannot write: No space left on device\n")


def test_export_replaces_no_device_even_when_forced(shell: Shell, run: dict[str, Any]) -> None:
    done = shell("export", "companies", "--output", "/dev/null", "--force")

    assert done.returncode == 2
    assert not Path("/dev/null").is_file()


def test_column_is_added_changed_and_not_added_twice(shell: Shell, run: dict[str, Any]) -> None:
    shell("columns", "companies", "add", "hq_country", "--field", "country")
    shell("columns", "companies", "set", "hq_country", "--overwrite", "always")
    again = shell("columns", "companies", "add", "hq_country", "--field", "city")

    columns = {c["key"]: c for c in shell.json("columns", "companies")["columns"]}
    assert (columns["hq_country"]["field"], columns["hq_country"]["overwrite"]) == (
        "country",
        "always",
    )
    assert again.returncode == 2


def test_column_is_worth_what_one_says_until_one_takes_it_back(
    shell: Shell, run: dict[str, Any]
) -> None:
    stakes = ("--worth", "0.5", "--wrong-cost", "4")
    (said,) = (c for c in _columns(shell, "set", "industry", *stakes) if c["key"] == "industry")
    (back,) = (
        c
        for c in _columns(shell, "set", "industry", "--worth", "default", "--wrong-cost", "default")
        if c["key"] == "industry"
    )
    refused = shell("columns", "companies", "set", "industry", "--worth", "-1")

    assert (said["worth_microcredits"], said["loss_microcredits"]) == (500_000, 4_000_000)
    assert (back["worth_microcredits"], back["loss_microcredits"]) == (None, None)
    assert refused.returncode == 2
    assert "--worth" in refused.stderr


def _columns(shell: Shell, *arguments: str) -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = shell.json("columns", "companies", *arguments)["columns"]
    return columns


def test_closed_pipe_is_quiet(shell: Shell) -> None:
    rows = "".join(f"{n},{'x' * 200}\n" for n in range(2000))
    shell("import", "-", "--table", "long", input=f"id,name\n{rows}")

    with shell.begin("export", "long") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()

    assert (process.returncode, complaint) == (0, "")


def test_interrupted_wait_is_130_and_the_run_goes_on(shell: Shell, run: dict[str, Any]) -> None:
    with shell.begin("run", "companies", "--columns", "founded", "--wait") as process:
        assert process.stderr is not None
        first = process.stderr.readline()

        _, complaint = end(process, signal.SIGINT)

    assert "no worker answers" in first
    assert process.returncode == 130
    assert "goes on" in complaint
    assert "Traceback" not in complaint
    newest = shell.json("runs", "--limit", "1")[0]
    assert newest["state"] == "running"
    assert shell.json("cancel", str(newest["run_id"]))["state"] == "cancelled"


def test_a_run_with_nothing_to_ask_with_fails_and_names_the_way_out(shell: Shell) -> None:
    shell.write("colours.csv", "id,colour\n1,red\n")
    shell("import", "colours.csv", "--table", "colours")

    done = shell("run", "colours", "--columns", "industry", "--in-process")
    way_out = shell("columns", "colours", "set", "colour", "--field", "company_name")

    assert done.returncode == 1
    assert "what the row has (needs " in done.stdout
    assert "`enrich columns colours set COLUMN --field company_name`" in done.stderr
    assert way_out.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["status", "999999"], "there is no run '999999'", id="run"),
        pytest.param(["columns", "nowhere"], "there is no table 'nowhere'", id="table"),
        pytest.param(["run", "companies", "--columns", "websit"], "'website'?", id="column"),
        pytest.param(["cell", "companies", "XXX", "company"], "no row 'XXX'", id="row"),
        pytest.param(["providers", "company_fact"], "'company_facts'?", id="provider"),
        pytest.param(
            ["run", "companies", "--where", "stale", "--older-than", "x"], "age", id="age"
        ),
    ],
)
def test_unknown_name_is_exit_code_2_with_the_way_out(
    shell: Shell, run: dict[str, Any], arguments: list[str], said: str
) -> None:
    done = shell(*arguments)

    assert done.returncode == 2
    assert said in done.stderr


def test_database_that_is_down_is_exit_code_3_without_the_password(shell: Shell) -> None:
    nowhere = {"DATABASE_URL": "postgresql://me:s3cret@127.0.0.1:1/x"}
    lost = replace(shell, environment={**shell.environment, **nowhere})

    done = lost("tables")

    assert done.returncode == 3
    assert "s3cret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_finds_both_servers_and_no_worker(shell: Shell) -> None:
    found = {finding["check"]: finding["verdict"] for finding in shell.json("doctor")}

    said = {
        "postgres": "ok",
        "schema": "ok",
        "tenants": "ok",
        "redis": "ok",
        "workers": "note",
        "parked": "ok",
    }
    assert found | said == found


def test_metrics_count_the_look_ups_of_all_processes(shell: Shell, run: dict[str, Any]) -> None:
    def told() -> dict[str, Any]:
        metrics: dict[str, Any] = shell.json("metrics")
        return metrics

    def agrees() -> bool:
        # What others have counted may come in between the two.
        metrics, cache = told(), shell.json("cache", "stats")
        in_metrics = metrics["total_requests"], metrics["cache_misses"]
        return (cache["lookups"], cache["misses"]) == in_metrics

    assert eventually(agrees)
    assert told()["provider_health"]["company_facts"]["state"] == "closed"
    assert told()["cache_misses"] > 0


def test_breaker_is_held_until_it_is_released(shell: Shell) -> None:
    held = shell.json("breaker", "countries", "--force", "open", "--hold", "--why", "wrong")
    released = shell.json("breaker", "countries", "--release")

    assert (held["state"], held["held"], released["held"]) == ("open", True, False)
    assert held["by_hand"]["actor"].startswith("shell")
    assert held["by_hand"]["why"] == "wrong"
    assert shell.json("breaker", "countries", "--force", "closed")["state"] == "closed"


def test_purged_row_is_gone_with_what_was_said(shell: Shell) -> None:
    shell("import", "-", "--table", "gone", input="id,company\n1,Apple Inc.\n")
    shell.json("run", "gone", "--columns", "website", "--in-process")

    purged = shell.json("purge", "gone", "--row", "1", "--yes")

    assert purged["answers"] > 0
    assert shell("cell", "gone", "1", "website").returncode == 2


@pytest.mark.worker
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_demo_fills_a_table_with_a_real_worker_and_leaves_nothing_running(
    bare_shell: Shell,
) -> None:
    passes = bare_shell.json("demo", "--rows", "30")

    assert [one["state"] for one in passes] == ["done", "done"]
    assert passes[0]["filled"] > 200
    # What nobody could look up was asked again: of that its log tells.
    log = (bare_shell.folder / "home" / "demo-worker.log").read_text()
    is_cached = passes[1]["cache_hits"] > passes[1]["provider_calls"]
    assert is_cached or "Redis not available" in log
    assert bare_shell.json("down") == {"stopped": []}
    listed = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
    assert str(bare_shell.folder) not in listed


@pytest.mark.worker
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_up_works_until_it_is_told_to_stop(bare_shell: Shell) -> None:
    with bare_shell.begin("up", "--threads", "4", "--no-api") as up:
        try:
            assert up.stderr is not None
            before = list(takewhile(lambda line: "Ctrl-C stops all of it" not in line, up.stderr))
            assert len(before) < 40
            bare_shell("import", "-", "--table", "t", input="id,company\n1,Apple Inc.\n")

            run = bare_shell.json("run", "t", "--columns", "website", "--wait")
            second, down = bare_shell("up"), bare_shell("down")
        finally:
            end(up, signal.SIGTERM)

    assert (run["state"], run["filled"], up.returncode) == ("done", 1, 0)
    assert (second.returncode, down.returncode) == (2, 2)
    assert f"already (process {up.pid}); stop that one" in second.stderr
    assert f"(process {up.pid}); stop that with Ctrl-C or `kill`" in down.stderr
    assert bare_shell.json("down") == {"stopped": []}
