"""Sending steps while the broker is away."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from enrich.domain.run import BatchRef, Phase, Step, StepKind
from enrich.embedded import celery_url
from enrich.errors import BrokerDownError
from tasks.canvas import CeleryDispatcher
from tasks.settings import URGENT
from tests.integration.nodes import in_database

REF = BatchRef(run_id=1, number=1, attempt=1, phase=Phase.PROBE)


@pytest.fixture
def absent_url() -> Iterator[str]:
    """The address of a server that is not there."""
    # Held, so that nobody else listens there meanwhile.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{held.getsockname()[1]}/0"


@pytest.fixture
def frozen_url() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"redis://127.0.0.1:{silent.getsockname()[1]}/0"


@pytest.fixture
def producer(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Send a task in a process of its own, which must end long before Celery would give up."""
    code = """
import sys
from enrich.errors import EnrichError
from tasks import enrich_cell
try:
    enrich_cell.apply_async(("t", "r", "c"), ignore_result=len(sys.argv) > 1)
except EnrichError as error:
    print(type(error).__name__)
    print(error, file=sys.stderr)
"""

    def send(url: str, *args: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "DATABASE_URL": "postgresql:///unused",
            "REDIS_URL": url,
            "ENRICH_HOME": str(tmp_path),
        }
        command = [sys.executable, "-c", code, *args]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=60
        )

    return send


@pytest.mark.parametrize(
    "providers", [pytest.param((), id="one-message"), pytest.param(("a", "b"), id="a-chord")]
)
def test_an_absent_broker_is_told_in_our_words(absent_url: str, providers: tuple[str, ...]) -> None:
    app = Celery("absent", broker=absent_url, backend=absent_url)
    step = Step(kind=StepKind.PROBE, batch=REF, providers=providers)

    with pytest.raises(BrokerDownError):
        CeleryDispatcher(app).dispatch([step])


def test_f19_a_producer_hears_at_once_that_the_broker_is_away(
    producer: Callable[..., subprocess.CompletedProcess[str]], absent_url: str
) -> None:
    sent = producer(absent_url)

    assert sent.stdout == "BrokerDownError\n"
    assert "nothing was sent" in sent.stderr


def test_f20_a_producer_does_not_wait_for_a_frozen_broker(
    producer: Callable[..., subprocess.CompletedProcess[str]], frozen_url: str
) -> None:
    sent = producer(frozen_url)

    assert sent.stdout == "BrokerDownError\n"


def test_f20_nor_does_one_who_wants_no_result(
    producer: Callable[..., subprocess.CompletedProcess[str]], absent_url: str, frozen_url: str
) -> None:
    sent = [producer(url, "ignored").stdout for url in (absent_url, frozen_url)]

    assert sent == ["BrokerDownError\n"] * 2


@pytest.mark.servers
@pytest.mark.parametrize("options", [{}, {"priority": 0}], ids=["in one command", "by Celery"])
def test_operators_are_shown_the_table_and_no_rows_key(
    redis_url: str, tmp_path: Path, options: dict[str, int]
) -> None:
    url = in_database(redis_url, 11)
    code = f"""
from tasks import enrich_cell
enrich_cell.apply_async(("people", "ann@example.com", "c"), {{"tenant": "t"}}, **{options})
"""
    own = {"DATABASE_URL": "postgresql:///unused", "REDIS_URL": url, "ENRICH_HOME": str(tmp_path)}
    with redis.Redis.from_url(url) as broker:
        broker.delete("enrich.ingest")
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **own}, check=True, timeout=60
        )
        headers = json.loads(broker.lrange("enrich.ingest", 0, 0)[0])["headers"]
        broker.delete("enrich.ingest")

    assert (headers["argsrepr"], headers["kwargsrepr"]) == ("table=people", "")


@pytest.mark.servers
@pytest.mark.parametrize(
    ("step", "sent"),
    [
        pytest.param({}, ["enrich.begin"], id="a wave is looked up first"),
        pytest.param({"is_begun": True}, ["enrich.probe"] * 2, id="then its probes are sent"),
        pytest.param({"urgent": True}, ["enrich.probe"] * 2, id="somebody waits"),
        pytest.param(
            {"batch": replace(REF, attempt=2)}, ["enrich.probe"] * 2, id="it was lost before"
        ),
        pytest.param({"providers": ()}, ["enrich.fuse"], id="nobody is to be asked"),
        pytest.param({"kind": StepKind.PREMIUM}, ["enrich.premium"], id="premium"),
    ],
)
def test_what_is_sent_of_a_step(redis_url: str, step: dict[str, Any], sent: list[str]) -> None:
    url = in_database(redis_url, 11)
    own = celery_url(url)
    app = Celery("sent", broker=own, backend=own, set_as_current=False)
    wave = Step(kind=StepKind.PROBE, batch=REF, providers=("a", "b"))
    with redis.Redis.from_url(url) as broker, app:
        broker.delete("celery", URGENT)
        CeleryDispatcher(app).dispatch([replace(wave, **step)])
        messages = [*broker.lrange("celery", 0, -1), *broker.lrange(URGENT, 0, -1)]
        broker.delete("celery", URGENT)

    assert [json.loads(message)["headers"]["task"] for message in messages] == sent


@pytest.mark.servers
def test_beside_workers_that_know_no_look_up_the_probes_are_sent_at_once(
    redis_url: str, tmp_path: Path
) -> None:
    url = in_database(redis_url, 11)
    code = """
from enrich.domain.run import BatchRef, Phase, Step, StepKind
from tasks.app import app
from tasks.canvas import CeleryDispatcher
batch = BatchRef(run_id=1, number=1, attempt=1, phase=Phase.PROBE)
CeleryDispatcher(app).dispatch([Step(kind=StepKind.PROBE, batch=batch, providers=("a", "b"))])
"""
    own = {
        "DATABASE_URL": "postgresql:///unused",
        "REDIS_URL": url,
        "ENRICH_HOME": str(tmp_path),
        "ENRICH_RUNS__LOOK_UP_FIRST": "false",
    }
    with redis.Redis.from_url(url) as broker:
        broker.delete("enrich.probe")
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **own}, check=True, timeout=60
        )
        messages = broker.lrange("enrich.probe", 0, -1)
        broker.delete("enrich.probe")

    named = [json.loads(message)["headers"]["task"] for message in messages]
    assert named == ["enrich.probe"] * 2
