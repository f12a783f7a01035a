"""One trace from `.delay()` through a real worker to the provider and the database."""

import json
import os
import secrets
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from enrich.embedded import celery_url
from tests.integration.nodes import WorkerProcess, in_database
from tests.integration.otlp_receiver import Collector, collecting
from tests.integration.worker_fixtures import World

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.timeout(300)]

#: What is traced uses a broker of its own, so that no other worker takes its messages.
_BROKER = 9
#: What a producer in another language sends.
_TRACE, _SPAN = "ab" * 16, "cd" * 8


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as kept:
        yield kept


@pytest.fixture(scope="module")
def traced(
    worker_environment: Mapping[str, str],
    redis_url: str,
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, str]:
    return {
        **worker_environment,
        "ENRICH_BROKER__URL": in_database(redis_url, _BROKER),
        # What other tests have asked for is not known here: providers are to be asked.
        "ENRICH_CACHE__VERSION": f"9{secrets.randbelow(100_000):05}",
        "ENRICH_TRACES__DIRECTORY": str(tmp_path_factory.mktemp("traces")),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "ENRICH_PROVIDERS__NAMES": "scraper_demo,apollo_demo",
    }


@pytest.fixture(scope="module")
def table(world: World) -> str:
    return world.make_table(1)


@pytest.fixture(scope="module")
def told(
    table: str, traced: Mapping[str, str], start_worker: Callable[..., WorkerProcess]
) -> dict[str, Any]:
    """A cell that was enriched by a worker, as `enrich trace` tells of it."""
    worker = start_worker("traced", traced)
    worker.ready()
    command = ["trace", "cell", table, "row_0001", "industry", "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "enrich.cli", *command],
        env={**os.environ, **traced},
        capture_output=True,
        text=True,
        timeout=120,
    )
    url = celery_url(traced["ENRICH_BROKER__URL"])
    with Celery(broker=url, backend=url, set_as_current=False) as app:
        headers = {"traceparent": f"00-{_TRACE}-{_SPAN}-01"}
        sent = app.send_task(
            "enrich.table", (table,), {"force": True}, queue="enrich.ingest", headers=headers
        )
        sent.get(timeout=200)
    worker.teardown()
    assert ended.returncode == 0, ended.stderr
    printed: dict[str, Any] = json.loads(ended.stdout)
    return printed


@pytest.fixture(scope="module")
def parents(told: dict[str, Any]) -> dict[str, set[str]]:
    """By the name of a span, the names of those that it stands under."""
    names = {span["id"]: span["name"] for span in told["spans"]}
    found = defaultdict(set)
    for span in told["spans"]:
        found[span["name"]].add(names.get(span["parent"], "") if span["parent"] else "")
    return dict(found)


@pytest.mark.parametrize(
    ("name", "stands_under"),
    [
        ("enrich cell", ""),
        ("send enrich.cell", "wait for the result"),
        ("enrich.cell", "send enrich.cell"),
        ("probe", "enrich.cell"),
        ("ask scraper_demo", "probe"),
        ("ask apollo_demo", "probe"),
        ("redis lease_claim", "probe"),
        ("sql INSERT responses", "enrich.cell"),
    ],
)
def test_each_piece_of_work_stands_under_what_caused_it(
    parents: dict[str, set[str]], name: str, stands_under: str
) -> None:
    assert parents[name] == {stands_under}


@pytest.mark.parametrize(
    ("name", "stands_under"),
    [
        ("enrich.table", "the producer"),
        ("enrich.begin", "send steps"),
        ("enrich.probe", "send steps"),
        ("enrich.fuse", "send steps"),
        ("ask apollo_demo", "enrich.probe"),
        ("sql SELECT settle_batch", "enrich.fuse"),
    ],
)
@pytest.mark.usefixtures("told")
def test_a_chord_goes_on_under_the_span_of_whoever_sent_it(
    collector: Collector, name: str, stands_under: str
) -> None:
    spans = [span for span in collector.spans() if span.trace_id.hex() == _TRACE]
    names = {span.span_id.hex(): span.name for span in spans} | {_SPAN: "the producer"}

    found = {names.get(span.parent_span_id.hex()) for span in spans if span.name == name}
    assert found == {stands_under}


def test_a_call_to_a_provider_tells_its_outcome_and_its_price(told: dict[str, Any]) -> None:
    (asked,) = [s["facts"] for s in told["spans"] if s["name"] == "ask apollo_demo"]

    assert asked["enrich.tier"] == "cheap"
    assert asked["enrich.rows"] == "1"
    assert set(asked) == {
        "enrich.provider",
        "enrich.tier",
        "enrich.rows",
        "enrich.outcome",
        "enrich.cost_credits",
        "enrich.requests",
    }


def test_a_message_tells_how_long_it_waited(told: dict[str, Any]) -> None:
    (taken,) = [s["facts"] for s in told["spans"] if s["name"] == "enrich.cell"]

    assert int(taken["enrich.waited_ms"]) >= 0


def test_a_collector_is_sent_the_same_trace_by_the_standard_protocol(
    told: dict[str, Any], collector: Collector
) -> None:
    sent = {
        span.span_id.hex() for span in collector.spans() if span.trace_id.hex() == told["trace"]
    }

    assert sent == {span["id"] for span in told["spans"]}


def test_no_value_and_no_secret_is_in_a_trace(
    world: World,
    table: str,
    traced: Mapping[str, str],
    told: dict[str, Any],
    collector: Collector,
) -> None:
    company = world.scalar(
        "SELECT data ->> 'company' FROM rows JOIN tables ON tables.id = rows.table_id"
        " WHERE tables.name = :name ORDER BY rows.id LIMIT 1",
        name=table,
    )
    files = Path(traced["ENRICH_TRACES__DIRECTORY"]).glob("*.jsonl")
    whole = b"".join(collector.bodies) + b"".join(path.read_bytes() for path in files)

    assert told["trace"].encode() in whole
    assert company.encode() not in whole
    assert b"simulated" not in whole
    assert traced["ENRICH_KEYRING__KEYS"].encode() not in whole
