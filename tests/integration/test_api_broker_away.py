"""The broker refuses or freezes: work is refused at once, whole; what was accepted still ends."""

import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from pytest_celery import CeleryTestSetup
from sqlalchemy import text

from enrich.domain.run import RunOptions
from enrich.ports.runs import NewRun, Selection
from tests.faults.proxy import Proxy
from tests.integration.api_fixtures import check
from tests.integration.api_process import Caller, serving
from tests.integration.nodes import in_database
from tests.integration.test_api_profiles import profile
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]

STORED = (
    "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM runs), (SELECT count(*) FROM rows)"
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
    acme: Caller,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Caller]:
    """Somebody who calls an interface whose broker is behind that way."""
    number = int(worker_environment["ENRICH_BROKER__URL"].rpartition("=")[2])
    own = {
        "ENRICH_BROKER__URL": in_database(way.url, number),
        "ENRICH_BROKER__PATIENCE_SECONDS": "0.3",
    }
    log = tmp_path_factory.mktemp("away") / "api.log"
    with serving({**worker_environment, **own}, log) as url:
        yield Caller(url, acme.headers)


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


def is_back(caller: Caller) -> bool:
    return caller.get("/health/ready").status_code == 200


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("what", ["profile", "cell", "row", "rows", "runs"])
def test_work_is_refused_and_nothing_of_it_is_stored(
    caller: Caller, world: World, what: str
) -> None:
    table = world.make_table(1, tenant="acme")
    wishes: dict[str, tuple[str, Mapping[str, object]]] = {
        "profile": ("/v1/enrich/profile", profile()),
        "cell": ("/v1/enrich/cell", {"row_id": "row_0001", "column_key": "website"}),
        "row": ("/v1/enrich/row", {"row_id": "row_0001"}),
        "rows": ("/v1/enrich/rows", {"row_ids": ["row_0001"]}),
        "runs": ("/v1/runs", {}),
    }
    path, wish = wishes[what]
    named = {} if what == "profile" else {"table_id": table}
    before = world.all(STORED)

    refused = caller.post(path, {**named, **wish})

    check(refused, 503)
    assert refused.headers["retry-after"]
    assert world.all(STORED) == before


@pytest.mark.usefixtures("away")
def test_a_run_can_be_cancelled_meanwhile(caller: Caller, world: World) -> None:
    new = NewRun(
        tenant="acme", table=world.make_table(1, tenant="acme"), wanted=("website",),
        selection=Selection(), options=RunOptions(), batch_rows=1, reply_to="",
    )  # fmt: skip
    run, _ = world.runs.create(new, in_flight=1, lease_s=600)

    answer = caller("POST", f"/v1/runs/{run.id}/cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


@pytest.mark.usefixtures("away")
def test_what_is_stored_can_be_read_meanwhile(caller: Caller, acme: Caller) -> None:
    job = acme.post("/v1/enrich/profile", profile()).json()["job"]["jobId"]

    assert caller.get(f"/v1/enrich/status/{job}").json()["job"]["jobId"] == job
    assert caller.get("/health/ready").json()["redis"] == "down"


def test_a_key_that_was_refused_is_free_again(caller: Caller, way: Proxy) -> None:
    wish, key = profile(), {"Idempotency-Key": secrets.token_hex(8)}
    way.refuse()
    refused = caller.post("/v1/enrich/profile", profile(), headers=key)
    way.accept()

    assert eventually(lambda: is_back(caller))
    taken = caller.post("/v1/enrich/profile", wish, headers=key)

    assert (refused.status_code, taken.status_code) == (503, 202)


def test_an_accepted_job_whose_message_is_lost_with_the_broker_still_ends(
    caller: Caller, way: Proxy, world: World, celery_setup: CeleryTestSetup
) -> None:
    app = celery_setup.app
    app.control.cancel_consumer(URGENT, reply=True)
    job = caller.post("/v1/enrich/profile", profile()).json()["job"]["jobId"]
    way.refuse()
    with celery_setup.broker.container.client as client:
        lost = client.llen(URGENT)
        client.delete(URGENT)
    way.accept()
    app.control.add_consumer(URGENT, reply=True)
    with world.engine.begin() as connection:
        connection.execute(text(RUN_OUT))

    def has_ended() -> bool:
        with world.engine.begin() as connection:
            connection.execute(text(LEFT))
        app.send_task("enrich.sweep", queue="enrich.control", ignore_result=True)
        told = caller.get(f"/v1/enrich/status/{job}").json()["job"]
        return bool(told["status"] == "completed")

    assert lost > 0
    assert eventually(has_ended, within_s=60, every_s=0.5)
