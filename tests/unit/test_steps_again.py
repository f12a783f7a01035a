"""Which steps are tried again by themselves when a server is away."""

from typing import Any

import pytest

from enrich.bootstrap import Endpoints
from enrich.errors import DependencyError
from tasks import steps

NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let who reads settings for the tasks, which are made at the first look, start nothing."""
    nowhere = Endpoints(database_url="", redis_url=NOWHERE, broker_url=NOWHERE)
    monkeypatch.setattr("tasks.settings.endpoints", lambda: nowhere)


@pytest.mark.parametrize("name", ["begin", "fuse", "premium", "embed"])
def test_a_step_is_tried_again_when_a_server_is_away(name: str) -> None:
    task: Any = getattr(steps, name)

    said = (task.autoretry_for, task.max_retries, task.retry_backoff, task.retry_backoff_max)

    assert said == ((DependencyError,), 5, 1, 15)
    assert hasattr(task, "_orig_run")  # so Celery has put its retrying around it


def test_a_probe_is_not_retried_from_outside_because_it_must_end_well() -> None:
    assert not hasattr(steps.probe, "_orig_run")
