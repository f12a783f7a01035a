"""Tasks as callers send them, answered by a real worker process."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pytest_celery import CeleryTestSetup

from enrich.embedded import celery_url
from enrich.errors import UsageError
from tests.integration.worker_fixtures import ENRICHED, World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker]

Ask = Callable[..., Any]

CELL = {"value", "confidence", "provider", "state", "reason", "metadata"}
METADATA = {
    "cache_hit",
    "negative_cache_hit",
    "singleflight_coalesced",
    "providers_tried",
    "cost",
    "duration_ms",
}
SUMMARY = {"run_id", "filled", "not_found", "failed", "skipped", "cost"}

#: The line with which a request ends.
ENDED = re.compile(r"(enrich\.(rows|table)\[[^]]+\] (succeeded|raised)|calls\.answered)[^\n]*\n")

DELAYED = """\
import json, sys
from tasks import enrich_cell
print(json.dumps(enrich_cell.delay(*sys.argv[1:]).get(timeout=90)))
"""
STRANGER = """\
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"enrich", "tasks", "providers"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from celery import Celery

url, *args = sys.argv[1:]
app = Celery(broker=url, backend=url)
sent = app.send_task("enrich.cell", args, queue="enrich.ingest")
try:
    print(json.dumps(sent.get(timeout=90)))
except Exception as exc:
    print(json.dumps([type(exc).__name__, str(exc)]))
app.close()
"""


@pytest.fixture(scope="module")
def table(world: World) -> str:
    """A table whose cells any test may fill."""
    return world.make_table(30)


@pytest.fixture
def log_since(celery_setup: CeleryTestSetup) -> Callable[[], str]:
    """Read what the worker has logged since the test began, its last request's end included."""
    before = len(celery_setup.worker.logs())

    def read() -> str:
        # The answer is sent before its line is written.
        assert eventually(lambda: ENDED.search(celery_setup.worker.logs()[before:]) is not None)
        return str(celery_setup.worker.logs()[before:])

    return read


def run_python(code: str, *args: str, env: Mapping[str, str], cwd: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    return json.loads(done.stdout)


def test_worker_is_ready_and_answers_pings(celery_setup: CeleryTestSetup) -> None:
    assert celery_setup.ready(ping=True, control=True, docker=True)
    celery_setup.worker.assert_log_exists("ready.")


def test_cell_has_the_shape_that_callers_know(ask: Ask, table: str) -> None:
    cell = ask("enrich.cell", table, "row_0001", "industry")

    assert cell.keys() == CELL
    assert cell["metadata"].keys() == METADATA


def test_row_is_an_object_of_cells_by_column(ask: Ask, table: str) -> None:
    row = ask("enrich.row", table, "row_0002")

    assert row.keys() == set(ENRICHED)
    assert all(cell.keys() == CELL for cell in row.values())


def test_trust_is_learned_from_what_was_answered(
    ask: Ask, world: World, celery_setup: CeleryTestSetup
) -> None:
    table = world.make_table(2)
    ask("enrich.row", table, "row_0001")
    versions = "SELECT count(*) FROM trust_states WHERE tenant_id = 'default'"
    before = world.scalar(versions)

    celery_setup.app.send_task("enrich.learn", queue="enrich.control")

    assert eventually(lambda: world.scalar(versions) > before)


def test_row_of_chosen_columns_has_only_those(ask: Ask, table: str) -> None:
    assert ask("enrich.row", table, "row_0003", ["founded"]).keys() == {"founded"}


def test_rows_give_the_summary_of_their_run(ask: Ask, table: str) -> None:
    summary = ask("enrich.rows", table, ["row_0004", "row_0005"], ["industry"])

    assert summary.keys() >= SUMMARY
    assert summary["rows"] == 2
    assert sum(summary[end] for end in ("filled", "not_found", "failed", "skipped")) == 2


def test_table_gives_the_summary_of_a_run_over_many_batches(ask: Ask, world: World) -> None:
    summary = ask("enrich.table", world.make_table(45), ["website"])

    assert (summary["state"], summary["rows"]) == ("done", 45)
    assert world.scalar("SELECT count(*) FROM batches WHERE run_id = :id", id=summary["run_id"]) > 2


def test_table_where_nothing_matches_is_done_at_once(ask: Ask, table: str) -> None:
    summary = ask("enrich.table", table, ["founded"], {"state": ["failed"], "older_than_s": 9e6})

    assert (summary["state"], summary["rows"], summary["cost"]) == ("done", 0, 0.0)


def test_delay_from_this_code_gets_the_cell(
    celery_setup: CeleryTestSetup,
    table: str,
    worker_environment: Mapping[str, str],
    tmp_path: Path,
) -> None:
    cell = run_python(DELAYED, table, "row_0006", "industry", env=worker_environment, cwd=tmp_path)

    assert cell.keys() == CELL


@pytest.fixture
def stranger(
    celery_setup: CeleryTestSetup, worker_environment: Mapping[str, str], tmp_path: Path
) -> Ask:
    """Send from a process that has Celery and cannot import anything of ours."""
    url = celery_url(worker_environment["ENRICH_BROKER__URL"])
    return lambda *args: run_python(STRANGER, url, *args, env={}, cwd=tmp_path)


def test_producer_without_this_code_gets_the_cell_by_name(stranger: Ask, table: str) -> None:
    assert stranger(table, "row_0007", "industry").keys() == CELL


def test_producer_without_this_code_reads_what_was_wrong(stranger: Ask, table: str) -> None:
    assert stranger(table, "row_9999", "industry") == [
        "UsageError",
        f"there is no row 'row_9999' in table {table!r}",
    ]


@pytest.mark.parametrize(
    ("task", "args", "said"),
    [
        ("enrich.cell", ("nowhere", "row_0001", "industry"), "there is no table 'nowhere'"),
        ("enrich.cell", ("TABLE", "row_9999", "industry"), "there is no row 'row_9999'"),
        ("enrich.cell", ("TABLE", "row_0001", "indutsry"), "did you mean 'industry'?"),
        ("enrich.row", ("TABLE", "row_9999"), "there is no row 'row_9999'"),
        ("enrich.rows", ("TABLE", ["row_0001", "row_9999"]), "there is no row 'row_9999'"),
        ("enrich.table", ("nowhere",), "there is no table 'nowhere'"),
        ("enrich.table", ("TABLE", ["indutsry"]), "did you mean 'industry'?"),
    ],
    ids=["table", "row", "column", "row of row", "row of rows", "table of table", "columns"],
)
def test_unknown_name_is_one_sentence_and_no_traceback(
    ask: Ask, table: str, log_since: Callable[[], str], task: str, args: tuple[Any, ...], said: str
) -> None:
    named = [table if value == "TABLE" else value for value in args]

    with pytest.raises(UsageError) as caught:
        ask(task, *named)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in log_since()


@pytest.mark.parametrize(
    ("task", "kwargs", "field"),
    [
        ("enrich.cell", {"column_key": 7}, "column_key"),
        ("enrich.cell", {"column_key": ""}, "column_key"),
        ("enrich.cell", {"column_key": "industry", "row_id": None}, "row_id"),
        ("enrich.cell", {"column_key": "industry", "force": "maybe"}, "force"),
        ("enrich.cell", {"column_key": "industry", "parallel_probes": "false"}, "parallel_probes"),
        ("enrich.cell", {"column_key": "industry", "ensemble_fusion": 1}, "ensemble_fusion"),
        ("enrich.cell", {"column_key": "industry", "max_cost": -1}, "max_cost"),
        ("enrich.cell", {"column_key": "industry", "max_cost": True}, "max_cost"),
        ("enrich.cell", {"column_key": "industry", "tenant": ""}, "tenant"),
        ("enrich.row", {"columns": "industry"}, "columns"),
        ("enrich.row", {"columns": ["industry", 3]}, "columns[1]"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_argument_of_a_wrong_type_is_refused_by_name(
    ask: Ask,
    table: str,
    log_since: Callable[[], str],
    task: str,
    kwargs: dict[str, Any],
    field: str,
) -> None:
    with pytest.raises(UsageError) as caught:
        ask(task, **{"table_id": table, "row_id": "row_0001", **kwargs})

    assert str(caught.value).startswith(f"{field}: ")
    assert "Traceback" not in log_since()


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ({"sate": ["failed"]}, "where.sate"),
        ({"state": ["broken"]}, "where.state"),
        ({"older_than_s": "1h"}, "where.older_than_s"),
        (["failed"], "where"),
    ],
    ids=["unknown part", "unknown state", "not a number", "not an object"],
)
def test_wrong_filter_is_refused_by_name(ask: Ask, table: str, where: Any, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask("enrich.table", table, None, where)

    assert str(caught.value).startswith(f"{field}: ")


def test_second_call_is_a_cache_hit_that_costs_nothing(ask: Ask, world: World) -> None:
    cell = (world.make_table(1, tenant="second"), "row_0001", "website")
    first = ask("enrich.cell", *cell, tenant="second")
    again = ask("enrich.cell", *cell, tenant="second")

    assert not first["metadata"]["cache_hit"]
    assert again["metadata"]["cache_hit"]
    assert again["metadata"]["cost"] == 0.0
    assert again["value"] == first["value"]


@pytest.mark.parametrize(
    ("force", "runs", "asked"),
    [
        (False, 1, ""),
        ("none", 1, ""),
        ("cells", 2, ""),
        ("negatives", 2, "apollo_demo"),
        ("responses", 2, "apollo_demo scraper_demo"),
        (True, 2, "apollo_demo scraper_demo"),
    ],
    ids=str,
)
def test_force_says_how_much_of_what_is_known_is_asked_again(
    ask: Ask, world: World, force: bool | str, runs: int, asked: str
) -> None:
    # Of this row the one provider knows the web site, and the other says that it knows nothing.
    cell = (world.make_table(6, tenant="force"), "row_0006", "website")
    ask("enrich.cell", *cell, tenant="force")
    before = world.scalar("SELECT max(id) FROM runs")
    ask("enrich.cell", *cell, force, tenant="force")

    assert world.scalar(RUNS_OF, table=cell[0]) == runs
    assert {name for (name,) in world.all(ASKED_SINCE, run=before, table=cell[0])} == set(
        asked.split()
    )


RUNS_OF = "SELECT count(*) FROM runs r JOIN tables t ON t.id = r.table_id WHERE t.name = :table"
ASKED_SINCE = """
    SELECT s.provider FROM responses s JOIN runs r ON r.id = s.run_id
    JOIN tables t ON t.id = r.table_id
    WHERE t.name = :table AND s.run_id > :run AND NOT s.from_cache
"""
ASKED_OF = """
    SELECT s.provider FROM responses s JOIN runs r ON r.id = s.run_id
    JOIN tables t ON t.id = r.table_id
    WHERE t.name = :table AND NOT s.from_cache AND NOT s.coalesced
"""


def test_one_cell_asked_for_twice_at_once_is_asked_once(
    celery_setup: CeleryTestSetup, world: World
) -> None:
    args = (world.make_table(1, tenant="twice"), "row_0001", "website")
    wish = {"tenant": "twice"}

    sent = [
        celery_setup.app.send_task("enrich.cell", args, wish, queue="enrich.ingest")
        for _ in range(2)
    ]
    first, second = (one.get(timeout=90) for one in sent)

    assert first["value"] == second["value"]
    assert max(Counter(world.all(ASKED_OF, table=args[0])).values()) == 1


@pytest.fixture
def received(celery_setup: CeleryTestSetup) -> Iterator[Callable[..., list[tuple[str, str]]]]:
    """Watch the worker as Flower does: names and arguments of the tasks that it received.

    As many as named are waited for, about what is named.
    """
    app = celery_setup.app
    seen: list[dict[str, Any]] = []
    app.control.enable_events(reply=True, timeout=30, limit=1)
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"task-received": seen.append})
        consumers = receiver.itercapture(limit=None, timeout=60)

        def read(count: int, about: str) -> list[tuple[str, str]]:
            while sum(about in event["args"] for event in seen) < count:
                next(consumers)
            return sorted((e["name"], e["args"]) for e in seen if about in e["args"])

        # The first event is the answer to the receiver's own wish: from here on none is missed.
        next(consumers)
        yield read
    app.control.disable_events(reply=True, timeout=30, limit=1)


def test_steps_name_their_table_run_batch_and_provider_to_operators(
    ask: Ask, world: World, received: Callable[..., list[tuple[str, str]]]
) -> None:
    # One row that no free or cheap provider knows.
    table = world.make_table(1)
    # Whatever others have asked about the same company.
    run = ask("enrich.table", table, ["industry"], force=True)["run_id"]
    steps = received(6, f"run={run} ")

    where = f"table={table} run={run} batch=1 attempt=1"
    assert steps[:4] == [
        ("enrich.begin", f"{where} probe=0"),
        ("enrich.fuse", f"{where} premium=1"),
        ("enrich.fuse", f"{where} probe=0"),
        ("enrich.premium", f"{where} premium=1"),
    ]
    assert steps[4:] == [
        ("enrich.probe", f"{where} probe=0 provider=apollo_demo"),
        ("enrich.probe", f"{where} probe=0 provider=scraper_demo"),
    ]


def test_premium_provider_is_asked_only_about_rows_with_unresolved_cells(
    ask: Ask, world: World
) -> None:
    table = world.make_table(40)
    run = ask("enrich.table", table, ["industry", "website"])["run_id"]
    asked = {row for (row,) in world.all(PREMIUM_ROWS, run=run)}
    resolved = {row for (row,) in world.all(RESOLVED_ROWS, table=table)}

    assert asked
    assert resolved
    assert asked.isdisjoint(resolved)
    assert len(asked | resolved) == 40


PREMIUM_ROWS = (
    "SELECT DISTINCT row_id FROM responses WHERE run_id = :run AND provider = 'linkedin_api'"
)
#: Rows whose cells both hold what a free or cheap provider said.
RESOLVED_ROWS = """
    SELECT r.id FROM rows r JOIN tables t ON t.id = r.table_id
    WHERE t.name = :table AND r.cells -> 'industry' ->> 'provider' LIKE '%demo'
      AND r.cells -> 'website' ->> 'provider' LIKE '%demo'
"""
