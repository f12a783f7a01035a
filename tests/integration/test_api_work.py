"""Work asked for over HTTP and done by a real worker."""

import json

import pytest
from pytest_celery import CeleryTestSetup

from tests.integration.api_fixtures import check
from tests.integration.api_process import Caller
from tests.integration.worker_fixtures import ENRICHED, World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]


def test_a_cell_is_waited_for_and_has_its_evidence(
    acme: Caller, world: World, celery_setup: CeleryTestSetup
) -> None:
    table = world.make_table(1, tenant="acme")
    wish = {"table_id": table, "row_id": "row_0001", "column_key": "website"}

    answer = acme.post("/v1/enrich/cell", {**wish, "wait_s": 90})

    cell = answer.json()
    assert (answer.status_code, cell["state"]) == (200, "filled")
    shown = acme.get(f"/v1/tables/{table}/rows/row_0001/cells/website").json()
    assert shown["value"] == cell["value"]
    assert cell["provider"] in {said["provider"] for said in shown["evidence"]}


def test_a_row_that_is_not_waited_for_is_a_run(acme: Caller, world: World) -> None:
    table = world.make_table(1, tenant="acme")

    answer = acme.post("/v1/enrich/row", {"table_id": table, "row_id": "row_0001", "wait_s": 0})

    assert answer.status_code == 202
    where = answer.headers["location"]
    assert eventually(lambda: acme.get(where).json()["state"] == "done")


def test_a_run_is_followed_to_its_end(acme: Caller, world: World) -> None:
    table = world.make_table(30, tenant="acme")
    begun = acme.post("/v1/runs", {"table_id": table, "columns": ["website"]}).json()

    with acme.get(f"/v1/runs/{begun['run_id']}/events", stream=True) as answer:
        told = answer.content.decode().split("\n\n")[:-1]

    assert answer.headers["content-type"].startswith("text/event-stream")
    name, _, last = told[-1].partition("\n")
    report = json.loads(last.removeprefix("data: "))
    assert name == "event: end"
    assert (report["state"], report["rows"]) == ("done", 30)


def test_a_label_is_kept_and_leaves_the_cell_as_it_is(acme: Caller, world: World) -> None:
    table = world.make_table(1, tenant="acme")
    cell = f"/v1/tables/{table}/rows/row_0001/cells/industry"

    answer = acme.post(f"{cell}/labels", {"value": "Software", "right": False})

    told = answer.json()
    assert (answer.status_code, told["value"], told["right"]) == (201, "Software", False)
    assert acme.get(cell).json()["value"] is None
    check(acme.post(f"{cell}/labels", {"right": True}), 422)


def test_details_tell_what_waits_and_who_works(acme: Caller) -> None:
    told = acme.get("/health/details").json()

    # Workers of tests before may still be heard of.
    assert told["workers"] >= 1
    assert told["migrations_pending"] == []
    assert "enrich.urgent" in told["queues"]
    assert {"batches", "oldest_batch_s", "parked"} <= told.keys()


def test_a_run_that_is_cancelled_says_so(acme: Caller, world: World) -> None:
    table = world.make_table(len(ENRICHED), tenant="acme")
    begun = acme.post("/v1/runs", {"table_id": table}).json()

    told = acme("POST", f"/v1/runs/{begun['run_id']}/cancel").json()

    assert told["state"] in {"cancelled", "done"}
    assert acme.get(f"/v1/runs/{begun['run_id']}").json()["state"] == told["state"]
