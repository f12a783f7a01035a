"""Messages that no task can be made of, sent raw to a real worker: each is parked or refused."""

import base64
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import redis
from celery.exceptions import NotRegistered
from celery.result import AsyncResult
from pytest_celery import CeleryTestSetup

from enrich.state.parked import PARKED_KEY, Parked, ParkedMessages
from tests.faults.messages import message_of
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker]

INGEST, PROBE, FUSE = "enrich.ingest", "enrich.probe", "enrich.fuse"
STEP: dict[str, Any] = {
    "v": 1,
    "kind": "probe",
    "tenant": "default",
    "table": "none",
    "run": 1,
    "batch": 1,
    "attempt": 1,
    "phase": "probe",
    "wave": 1,
    "providers": ["scraper_demo"],
}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def nested(levels: int) -> str:
    inner = '{"task": "enrich.cell", "options": {"link": [' * levels + "]}}" * levels
    return encoded(f'[[], {{}}, {{"callbacks": [{inner}]}}]'.encode())


@pytest.fixture
def goes_on(ask: Callable[..., Any]) -> Callable[[], None]:
    """Have the worker answer another message, and all that came before it."""

    def check() -> None:
        with pytest.raises(Exception, match="no table"):
            ask("enrich.cell", "no such table", "row", "column")

    return check


@pytest.fixture
def parked(
    goes_on: Callable[[], None], worker_environment: Mapping[str, str]
) -> Iterator[ParkedMessages]:
    """The list of the parked, empty at first; the worker still works at the end."""
    with redis.Redis.from_url(worker_environment["ENRICH_BROKER__URL"]) as client:
        client.delete(PARKED_KEY)
        yield ParkedMessages(client)
        goes_on()
        assert eventually(lambda: client.hlen("unacked") == 0)


@pytest.fixture
def send_raw(worker_environment: Mapping[str, str]) -> Iterator[Callable[[str, str], None]]:
    """Put a text into a queue as it is."""
    with redis.Redis.from_url(worker_environment["ENRICH_BROKER__URL"]) as client:
        yield lambda queue, text: client.lpush(queue, text) and None


@pytest.mark.parametrize(
    ("queue", "text", "reason"),
    [
        pytest.param(
            INGEST,
            message_of(
                "enrich.cell",
                queue=INGEST,
                body=encoded(pickle.dumps([[], {}, {}])),
                content_type="application/x-python-serialize",
            ),
            "content type 'application/x-python-serialize' is not allowed",
            id="T01 pickle",
        ),
        pytest.param(
            INGEST,
            message_of(
                "enrich.cell",
                queue=INGEST,
                body=encoded(b"- []\n- {}\n"),
                content_type="application/x-yaml",
            ),
            "content type 'application/x-yaml' is not allowed",
            id="T01 yaml",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.nobody", 1, queue=INGEST),
            "its task is not known",
            id="T02 unknown task",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.cell", queue=INGEST, body="abcde"),
            "cannot be read",
            id="T03 not base64",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.cell", queue=INGEST, body=encoded(b"{not JSON")),
            "body cannot be decoded",
            id="T03 not JSON",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.cell", queue=INGEST, body=encoded(b"\xff\xfe\x00")),
            "body cannot be decoded",
            id="T03 not text",
        ),
        pytest.param(
            INGEST, message_of("enrich.cell", queue=INGEST, body=""), "body", id="T03 empty"
        ),
        pytest.param(INGEST, "", "is not a message", id="T03 nothing at all"),
        pytest.param(INGEST, "\x00\x01", "is not a message", id="T03 bytes"),
        pytest.param(
            INGEST,
            message_of("enrich.cell", queue=INGEST, headers={"task": {"a": 1}}),
            "has no task",
            id="bad header task",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.cell", queue=INGEST, headers={"id": None}),
            "has no id",
            id="bad header id",
        ),
        pytest.param(
            PROBE,
            message_of("enrich.probe", queue=PROBE),
            "missing a required argument",
            id="T04 missing argument",
        ),
        pytest.param(
            FUSE,
            message_of("enrich.fuse", [], STEP, "more", queue=FUSE),
            "too many positional arguments",
            id="T04 argument too many",
        ),
        pytest.param(
            PROBE,
            message_of("enrich.probe", STEP | {"run": "one"}, "scraper_demo", queue=PROBE),
            "is not a step",
            id="T04 wrong type",
        ),
        pytest.param(
            PROBE,
            message_of("enrich.probe", ["no", "object"], "scraper_demo", queue=PROBE),
            "must be an object",
            id="T04 no object",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.cell", queue=INGEST, headers={"retries": 10**9}),
            "header retries",
            id="T08 many retries",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.cell", queue=INGEST, headers={"retries": "3"}),
            "header retries",
            id="T08 text for retries",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.cell", queue=INGEST, headers={"eta": "9999-01-01T00:00:00+00:00"}),
            "is due in more than 60 s",
            id="T09 far eta",
        ),
        pytest.param(
            INGEST,
            message_of("enrich.cell", "x" * 5_000_000, "row", "column", queue=INGEST),
            "262144 are allowed",
            id="T10 five megabytes",
        ),
        pytest.param(
            INGEST,
            # From Python 3.13 on a thousand can be read: that task then lacks its arguments.
            message_of("enrich.cell", queue=INGEST, body=nested(5000)),
            "body cannot be decoded: DecodeError",
            id="T14 thousands of levels",
        ),
        pytest.param(
            FUSE,
            message_of("enrich.fuse", [], STEP | {"v": 2}, queue=FUSE),
            "version 2 is not known",
            id="T15 next version",
        ),
    ],
)
def test_it_is_parked_with_its_reason_and_the_worker_goes_on(
    parked: ParkedMessages,
    send_raw: Callable[[str, str], None],
    queue: str,
    text: str,
    reason: str,
) -> None:
    send_raw(queue, text)

    assert eventually(lambda: parked.count() == 1)
    (only,) = parked.newest(5)
    assert reason in only.reason
    assert only.queue == queue


def test_who_waits_for_a_task_that_nobody_knows_is_told(
    celery_setup: CeleryTestSetup, parked: ParkedMessages
) -> None:
    sent = celery_setup.app.send_task("enrich.nobody", queue=INGEST)

    known = "enrich.cell, enrich.row, enrich.rows, enrich.table"
    with pytest.raises(NotRegistered, match=f"unknown task 'enrich.nobody'; known: {known}"):
        sent.get(timeout=90)
    assert parked.count() == 1


def test_doctor_counts_what_is_parked_and_says_why(
    parked: ParkedMessages, worker_environment: Mapping[str, str]
) -> None:
    parked.park(Parked(reason="is not a task", queue=INGEST))

    command = [sys.executable, "-m", "enrich.cli", "doctor", "--json"]
    done = subprocess.run(command, env=dict(worker_environment), capture_output=True, timeout=100)
    (finding,) = (each for each in json.loads(done.stdout) if each["check"] == "parked")
    assert finding["verdict"] == "note"
    assert finding["says"].startswith("1 messages")
    assert finding["says"].endswith("is not a task")


def test_arguments_of_a_caller_are_the_callers_to_read(
    celery_setup: CeleryTestSetup, parked: ParkedMessages, ask: Callable[..., Any]
) -> None:
    with pytest.raises(Exception, match="missing a required argument"):
        ask("enrich.cell", "table")

    assert parked.count() == 0


def test_t07_an_expired_message_is_dropped(
    celery_setup: CeleryTestSetup,
    world: World,
    parked: ParkedMessages,
    goes_on: Callable[[], None],
) -> None:
    table = world.make_table(1)
    celery_setup.app.send_task("enrich.table", (table,), queue=INGEST, expires=-5)
    goes_on()

    assert "Discarding revoked task: enrich.table" in celery_setup.worker.logs()
    begun = "SELECT count(*) FROM runs r JOIN tables t ON t.id = r.table_id WHERE t.name = :table"
    assert world.scalar(begun, table=table) == 0


def test_t05_the_tenant_of_a_step_is_that_of_its_run(
    celery_setup: CeleryTestSetup,
    world: World,
    parked: ParkedMessages,
    send_raw: Callable[[str, str], None],
    goes_on: Callable[[], None],
) -> None:
    table = world.make_table(1, tenant="other")
    lie = STEP | {"table": table, "tenant": "default", "run": 999_999_999}
    send_raw(PROBE, message_of("enrich.probe", lie, "scraper_demo", queue=PROBE))
    goes_on()

    assert world.scalar("SELECT count(*) FROM responses WHERE run_id = 999999999") == 0


def test_t16_a_list_of_revoked_tasks_that_would_stall_the_worker_is_refused(
    celery_setup: CeleryTestSetup, parked: ParkedMessages
) -> None:
    control = celery_setup.app.control
    (answer,) = control.revoke([str(n) for n in range(60_000)], reply=True, timeout=30, limit=1)

    assert "60000 task ids; 500 at a time" in str(answer)
    (revoked,) = control.inspect(timeout=30, limit=1).revoked().values()
    assert "59999" not in revoked


def test_t16_a_few_tasks_are_revoked(celery_setup: CeleryTestSetup, parked: ParkedMessages) -> None:
    control = celery_setup.app.control
    control.revoke(["one", "two"], reply=True, timeout=30, limit=1)

    (revoked,) = control.inspect(timeout=30, limit=1).revoked().values()
    assert {"one", "two"} <= set(revoked)


def test_t17_a_forged_result_is_read_and_never_run(
    celery_setup: CeleryTestSetup, parked: ParkedMessages
) -> None:
    forged = {
        "task_id": "forged",
        "status": "FAILURE",
        "result": {"exc_type": "system", "exc_module": "os", "exc_message": "id"},
    }
    backend = celery_setup.app.backend
    backend.client.set(backend.get_key_for_task("forged"), json.dumps(forged), ex=60)

    with pytest.raises(Exception, match=r"Expected an exception class|system"):
        AsyncResult("forged", app=celery_setup.app).get(timeout=60)


@pytest.mark.parametrize("priority", [10**6, -5, "high"], ids=str)
def test_t18_an_odd_priority_is_bounded(
    celery_setup: CeleryTestSetup, parked: ParkedMessages, priority: Any
) -> None:
    sent = celery_setup.app.send_task(
        "enrich.cell", ("none", "r", "c"), queue=INGEST, priority=priority
    )

    with pytest.raises(Exception, match="no table"):
        sent.get(timeout=90)
