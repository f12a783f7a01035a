"""Flower as `enrich up` starts it: tasks read as table, run, batch and provider, no more."""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_celery import CeleryTestSetup

from enrich.cli.workers import flower_program
from enrich.embedded.processes import Supervisor
from enrich.settings import load_settings
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.worker,
    pytest.mark.proof,
    pytest.mark.timeout(240),
]

_PASSWORD = "ops:canary-of-flower"
_TASKS = {"draw": 1, "start": 0, "length": 100, "search[value]": "", "order[0][column]": 0,
          "columns[0][data]": "name", "order[0][dir]": "asc"}  # fmt: skip


@pytest.fixture
def flower(worker_environment: Mapping[str, str], tmp_path: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = load_settings(
        {"ENRICH_FLOWER__PORT": str(port), "ENRICH_FLOWER__BASIC_AUTH": _PASSWORD}
    ).flower
    made = flower_program(own, log=tmp_path / "flower.log")
    program = replace(made, environment={**worker_environment, **made.environment})
    url = f"http://127.0.0.1:{port}"
    with Supervisor([program]):
        assert eventually(lambda: _status(url) == 401, within_s=60), program.log
        yield url


def _status(url: str, **more: Any) -> int:
    try:
        return requests.get(f"{url}/tasks", timeout=10, **more).status_code
    except requests.ConnectionError:
        return 0


def _shown(url: str, by: tuple[str, str]) -> list[dict[str, Any]]:
    answer = requests.post(f"{url}/tasks/datatable", data=_TASKS, auth=by, timeout=10)
    return list(answer.json()["data"])


def _words(task: dict[str, Any]) -> set[str]:
    return set(str(task["args"]).split())


def test_tasks_read_as_what_they_are_about_and_tell_no_value_and_no_secret(
    flower: str,
    world: World,
    celery_setup: CeleryTestSetup,
    worker_environment: Mapping[str, str],
    ask: Callable[..., Any],
) -> None:
    table, by = world.make_table(2), tuple(_PASSWORD.split(":"))

    def is_told() -> bool:
        # Workers tell of their tasks once Flower has asked them to.
        ask("enrich.table", table, force=True)
        wanted = {f"table={table}", "provider=scraper_demo"}
        return any(wanted <= _words(one) for one in _shown(flower, by))

    assert eventually(is_told, within_s=90, every_s=1.0)
    told = json.dumps(_shown(flower, by))
    page = requests.get(f"{flower}/tasks", auth=by, timeout=10).text
    company = world.scalar(
        "SELECT data ->> 'company' FROM rows JOIN tables ON tables.id = rows.table_id"
        " WHERE tables.name = :name ORDER BY rows.id LIMIT 1",
        name=table,
    )
    for secret in (company, worker_environment["ENRICH_KEYRING__KEYS"], "canary-of-flower"):
        assert secret not in told + page


def test_a_stranger_sees_nothing_and_nobody_may_do_without_a_password(flower: str) -> None:
    assert _status(flower) == 401
    assert _status(flower, auth=("ops", "wrong")) == 401
    stranger = requests.post(f"{flower}/api/task/async-apply/enrich.table", timeout=10)
    assert stranger.status_code in {401, 403}
