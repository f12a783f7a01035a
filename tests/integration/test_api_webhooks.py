"""Webhooks: signed, sent after ends, tried again, and never to where they should not go."""

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_celery import CeleryTestSetup

from enrich.domain.run import RunOptions
from enrich.ports.runs import NewRun, Selection
from enrich.store.access_keys import PostgresAccessKeys
from tests.integration.api_fixtures import bearer, check
from tests.integration.api_process import Caller, make_key
from tests.integration.test_api_profiles import other, profile
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

__all__ = ["other"]

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]


@pytest.fixture
def own(api: str, access_keys: PostgresAccessKeys) -> Caller:
    """Somebody of a tenant for whom nobody else works: of its ends alone a webhook tells."""
    prefix = secrets.token_hex(4)
    key = make_key(access_keys, prefix, tenant=f"told-{prefix}")
    return Caller(api, {**bearer(key), "X-Tenant-ID": f"told-{prefix}"})


@dataclass
class Receiver:
    """Somebody who is told; answers what `statuses` says, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive messages on loopback until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/told"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def told(caller: Caller, receiver: Receiver) -> Iterator[dict[str, Any]]:
    """Have the receiver told until the block ends."""
    webhook: dict[str, Any] = caller.post("/v1/webhooks", {"url": receiver.url}).json()
    yield webhook
    assert caller("DELETE", f"/v1/webhooks/{webhook['id']}").status_code == 204


def test_the_end_of_a_job_is_told_with_a_signature(own: Caller) -> None:
    with receiving() as receiver, told(own, receiver) as webhook:
        job = own.post("/v1/enrich/profile", {**profile(), "async": False}).json()["job"]
        assert eventually(lambda: receiver.got)

    headers, body = receiver.got[0]
    moment, _, signature = headers["x-enrich-signature"].partition(",v1=")
    signed = moment.removeprefix("t=").encode() + b"." + body
    expected = hmac.new(webhook["secret"].encode(), signed, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(signature, expected)
    message = json.loads(body)
    assert (message["type"], message["job"]["jobId"]) == ("job.completed", job["jobId"])


def test_what_did_not_arrive_is_sent_again_and_can_be_replayed(
    own: Caller, celery_setup: CeleryTestSetup
) -> None:
    def again() -> bool:
        celery_setup.app.send_task("enrich.notify", queue="enrich.control")
        return len(receiver.got) > seen

    with receiving() as receiver, told(own, receiver) as webhook:
        receiver.statuses, seen = [500], 1
        own.post("/v1/enrich/profile", profile())
        assert eventually(again)
        where = f"/v1/webhooks/{webhook['id']}/deliveries"
        assert eventually(lambda: own.get(where).json()["items"][0]["state"] == "delivered")
        delivery, seen = own.get(where).json()["items"][0], len(receiver.got)

        own("POST", f"/v1/webhooks/deliveries/{delivery['id']}/replay")

        assert eventually(again)
    assert delivery["attempts"] == 2
    assert {headers["x-enrich-delivery"] for headers, _ in receiver.got} == {str(delivery["id"])}


def test_the_end_of_a_run_is_told_and_logged_with_its_report(
    own: Caller, world: World, celery_setup: CeleryTestSetup
) -> None:
    table = world.make_table(2, tenant=own.headers["X-Tenant-ID"])
    with receiving() as receiver, told(own, receiver):
        run = own.post("/v1/runs", {"table_id": table, "columns": ["website"]}).json()["run_id"]
        assert eventually(lambda: receiver.got)

    (message,) = [json.loads(body) for _, body in receiver.got]
    report = own.get(f"/v1/runs/{run}/report").json()
    assert (message["type"], message["run"]) == ("run.finished", report)
    assert (report["state"], report["rows"], report["columns"]) == ("done", 2, ["website"])
    assert report["filled"] + sum(each["cells"] for each in report["reasons"]) == 2
    assert eventually(lambda: bool(finished(celery_setup, run)))
    (logged,) = finished(celery_setup, run)
    assert {name: logged[name] for name in report} == report


def finished(setup: CeleryTestSetup, run: int) -> list[dict[str, Any]]:
    """Read the lines about a run's end."""
    # The last line may be written just now.
    whole = setup.worker.logs().rpartition("\n")[0]
    lines = [json.loads(line) for line in whole.splitlines() if "{" in line]
    return [one for one in lines if one["event"] == "run.finished" and one["run_id"] == run]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://169.254.169.254/latest/meta-data", id="the metadata of a cloud"),
        pytest.param("http://10.0.0.1/", id="a private address"),
        pytest.param("ftp://example.com/", id="another scheme"),
        pytest.param("https://user:password@example.com/", id="a password in it"),
        pytest.param("https://example.com:8443/", id="another port"),
        pytest.param("https://printer.local/", id="a name of the house"),
    ],
)
def test_a_message_goes_nowhere_it_should_not(acme: Caller, url: str) -> None:
    problem = check(acme.post("/v1/webhooks", {"url": url}), 422)

    assert problem["errors"][0]["pointer"] == "/body/url"


def test_a_foreign_webhook_looks_like_none(acme: Caller, other: Caller) -> None:
    with receiving() as receiver, told(acme, receiver) as webhook:
        where = f"/v1/webhooks/{webhook['id']}"

        check(other("DELETE", where), 404)
        check(other.get(f"{where}/deliveries"), 404)

    assert webhook["id"] not in other.get("/v1/webhooks").text


def test_a_cancelled_run_that_nobody_is_at_work_on_is_told(own: Caller, world: World) -> None:
    tenant = own.headers["X-Tenant-ID"]
    new = NewRun(
        tenant=tenant, table=world.make_table(1, tenant=tenant), wanted=("website",),
        selection=Selection(), options=RunOptions(), batch_rows=1, reply_to="",
    )  # fmt: skip
    run, _ = world.runs.create(new, in_flight=1, lease_s=600)

    with receiving() as receiver, told(own, receiver):
        own("POST", f"/v1/runs/{run.id}/cancel")
        assert eventually(lambda: receiver.got)

    (message,) = [json.loads(body) for _, body in receiver.got]
    assert (message["run"]["run_id"], message["run"]["state"]) == (run.id, "cancelled")
