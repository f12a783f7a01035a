"""Prometheus asks the interface, which tells of all processes together."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from pytest_celery import CeleryTestSetup

from tests.integration.api_fixtures import bearer, check
from tests.integration.api_process import Caller, serving
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]

TENANT = "counted"
TOKEN = "a-long-token-of-prometheus"
ANSWERS = """
    SELECT provider, kind, count(*) FROM responses s JOIN runs r ON r.id = s.run_id
    WHERE r.tenant_id = :tenant AND NOT from_cache GROUP BY 1, 2
"""


def told(url: str, name: str, *by: str) -> dict[tuple[str, ...], float]:
    """Read one metric by these labels, of our tenant where it has a tenant."""
    answer = requests.get(f"{url}/metrics", timeout=100)
    assert answer.status_code == 200, answer.text
    return {
        tuple(sample.labels[label] for label in by): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name and sample.labels.get("tenant", TENANT) == TENANT
    }


def test_counters_are_the_ledger_after_a_run(
    api: str, world: World, celery_setup: CeleryTestSetup
) -> None:
    table = world.make_table(30, tenant=TENANT)
    wish = {"tenant": TENANT}
    sent = celery_setup.app.send_task("enrich.table", (table,), wish, queue="enrich.ingest")
    summary = sent.get(timeout=200)
    written = {(name, kind): n for name, kind, n in world.all(ANSWERS, tenant=TENANT)}

    assert eventually(
        lambda: told(api, "enrich_cache_misses_total", "provider", "outcome") == written,
        every_s=0.5,
    )
    assert eventually(lambda: all_ended(api, summary), every_s=0.5)
    calls = {(): summary["provider_calls"]}
    assert eventually(lambda: told(api, "enrich_provider_calls_total") == calls, every_s=0.5)
    assert eventually(lambda: told(api, "enrich_workers")[()] >= 1, every_s=0.5)
    assert told(api, "enrich_queue_messages", "queue").keys() >= {("enrich.fuse",)}
    assert eventually(lambda: set(told(api, "enrich_up", "server").values()) == {1.0}, every_s=0.5)


def all_ended(url: str, summary: Mapping[str, float]) -> bool:
    ended = {end: n for (end,), n in told(url, "enrich_cells_ended_total", "outcome").items()}
    return bool(ended) and {end: summary[end] for end in ended} == ended


def test_off_loopback_the_token_is_demanded(
    api: str, worker_environment: Mapping[str, str], tmp_path: Path
) -> None:
    own = {"ENRICH_API__HOST": "0.0.0.0", "ENRICH_API__METRICS_TOKEN": TOKEN}
    with serving({**worker_environment, **own}, tmp_path / "api.log") as url:
        caller = Caller(url)

        check(caller.get("/metrics"), 401)
        check(caller.get("/metrics", headers=bearer("another")), 401)
        assert caller.get("/metrics", headers=bearer(TOKEN)).status_code == 200


def test_off_loopback_without_a_token_nothing_is_told(
    worker_environment: Mapping[str, str], tmp_path: Path
) -> None:
    own = {"ENRICH_API__HOST": "0.0.0.0"}
    with serving({**worker_environment, **own}, tmp_path / "api.log") as url:
        problem = check(Caller(url).get("/metrics"), 403)

    assert "ENRICH_API__METRICS_TOKEN" in problem["detail"]
