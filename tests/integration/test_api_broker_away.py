"""The broker refuses or freezes: work is refused at once, whole; what was accepted still ends."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from pytest_celery import CeleryTestSetup
from sqlalchemy import text

from enrich.domain.job import new_job
from enrich.domain.run import RunOptions
from enrich.ports.runs import NewRun, Selection
from enrich.store.access_keys import PostgresAccessKeys
from enrich.store.jobs import PostgresJobs
from tests.faults.proxy import Proxy
from tests.integration.api_fixtures import bearer, check
from tests.integration.api_process import Caller, make_key, serving
from tests.integration.nodes import in_database
from tests.integration.test_api_profiles import profile
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]

#: Nobody else works for it: what there is of it is of these tests.
TENANT = "awaiting"
STORED = (
    "SELECT (SELECT count(*) FROM jobs WHERE tenant_id = :tenant),"
    " (SELECT count(*) FROM runs WHERE tenant_id = :tenant),"
    " (SELECT count(*) FROM rows WHERE tenant_id = :tenant)"
)
LEFT = """
    UPDATE jobs SET updated_at = now() - interval '1 minute'
    WHERE state IN ('queued', 'processing')
"""
RUN_OUT = "UPDATE batches SET lease_until = now() WHERE lease_until IS NOT NULL"
URGENT = "enrich.urgent"


@pytest.fixture(scope="module")
def way(redis_url: str) -> Iterator[Proxy]:
    """The interface's way to the broker; the workers have their own."""
    place = urlsplit(redis_url)
    if place.scheme != "unix":
        pytest.skip("the server that was given is not behind a socket")
    with Proxy(place.path) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def caller(
    way: Proxy,
    worker_environment: Mapping[str, str],
    access_keys: PostgresAccessKeys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Caller]:
    """Somebody who calls an interface whose broker is behind that way."""
    number = int(worker_environment["ENRICH_BROKER__URL"].rpartition("=")[2])
    own = {
        "ENRICH_BROKER__URL": in_database(way.url, number),
        "ENRICH_BROKER__PATIENCE_SECONDS": "0.3",
    }
    log = tmp_path_factory.mktemp("away") / "api.log"
    key = make_key(access_keys, "awaiting", tenant=TENANT)
    with serving({**worker_environment, **own}, log) as url:
        yield Caller(url, {**bearer(key), "X-Tenant-ID": TENANT})


@pytest.fixture(params=["refused", "frozen"])
def away(request: pytest.FixtureRequest, way: Proxy) -> Iterator[None]:
    """The broker is away until the end of the test."""
    leave, come_back = {
        "refused": (way.refuse, way.accept),
        "frozen": (lambda: _freeze(way, True), lambda: _freeze(way, False)),
    }[request.param]
    leave()
    yield
    come_back()


def _freeze(way: Proxy, frozen: bool) -> None:
    way.faults.blackhole = frozen
    # What was swallowed never arrives: those connections are of no use any more.
    way.cut()


def accepted(caller: Caller, wish: Mapping[str, object], **more: Any) -> requests.Response:
    """Ask until the broker is back, and has answered in the little time that it has here."""
    answers: list[requests.Response] = []

    def is_taken() -> bool:
        answers.append(caller.post("/v1/enrich/profile", wish, **more))
        return answers[-1].status_code != 503

    assert eventually(is_taken)
    return answers[-1]


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("what", ["profile", "cell", "row", "rows", "runs"])
def test_work_is_refused_and_nothing_of_it_is_stored(
    caller: Caller, world: World, what: str
) -> None:
    table = world.make_table(1, tenant=TENANT)
    wishes: dict[str, tuple[str, Mapping[str, object]]] = {
        "profile": ("/v1/enrich/profile", profile()),
        "cell": ("/v1/enrich/cell", {"row_id": "row_0001", "column_key": "website"}),
        "row": ("/v1/enrich/row", {"row_id": "row_0001"}),
        "rows": ("/v1/enrich/rows", {"row_ids": ["row_0001"]}),
        "runs": ("/v1/runs", {}),
    }
    path, wish = wishes[what]
    named = {} if what == "profile" else {"table_id": table}
    before = world.all(STORED, tenant=TENANT)

    refused = caller.post(path, {**named, **wish})

    check(refused, 503)
    assert refused.headers["retry-after"]
    assert world.all(STORED, tenant=TENANT) == before


@pytest.mark.usefixtures("away")
def test_a_run_can_be_cancelled_meanwhile(caller: Caller, world: World) -> None:
    new = NewRun(
        tenant=TENANT, table=world.make_table(1, tenant=TENANT), wanted=("website",),
        selection=Selection(), options=RunOptions(), batch_rows=1, reply_to="",
    )  # fmt: skip
    run, _ = world.runs.create(new, in_flight=1, lease_s=600)

    answer = caller("POST", f"/v1/runs/{run.id}/cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


@pytest.mark.usefixtures("away")
def test_what_is_stored_can_be_read_meanwhile(caller: Caller, world: World) -> None:
    new = new_job(TENANT, "c-stored", profile()["payload"], is_forced=True, key="")
    ((_, stored),) = PostgresJobs(world.engine).take([new], window_s=0)
    assert stored is not None
    job = stored.id

    assert caller.get(f"/v1/enrich/status/{job}").json()["job"]["jobId"] == job
    assert caller.get("/health/ready").json()["redis"] == "down"


def test_a_key_that_was_refused_is_free_again(caller: Caller, way: Proxy) -> None:
    wish, key = profile(), {"Idempotency-Key": secrets.token_hex(8)}
    way.refuse()
    refused = caller.post("/v1/enrich/profile", profile(), headers=key)
    way.accept()

    taken = accepted(caller, wish, headers=key)

    assert (refused.status_code, taken.status_code) == (503, 202)


def test_an_accepted_job_whose_message_is_lost_with_the_broker_still_ends(
    caller: Caller, way: Proxy, world: World, celery_setup: CeleryTestSetup
) -> None:
    app = celery_setup.app
    app.control.cancel_consumer(URGENT, reply=True, timeout=30, limit=1)
    job = accepted(caller, profile()).json()["job"]["jobId"]
    way.refuse()
    with celery_setup.broker.container.client as client:
        # What the worker was about to take when it was told is given back by it.
        is_there = eventually(lambda: client.llen(URGENT) > 0)
        client.delete(URGENT)
    way.accept()
    app.control.add_consumer(URGENT, reply=True, timeout=30, limit=1)
    with world.engine.begin() as connection:
        connection.execute(text(RUN_OUT))

    def has_ended() -> bool:
        with world.engine.begin() as connection:
            connection.execute(text(LEFT))
        app.send_task("enrich.sweep", queue="enrich.control", ignore_result=True)
        told = caller.get(f"/v1/enrich/status/{job}").json()["job"]
        return bool(told["status"] == "completed")

    assert is_there
    assert eventually(has_ended, every_s=0.5)
