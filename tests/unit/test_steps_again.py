"""Which steps are tried again by themselves when a server is away."""

from typing import Any

import pytest

from enrich.errors import DependencyError
from tasks import steps

RETRIED = [steps.begin, steps.fuse, steps.premium, steps.embed]


@pytest.mark.parametrize("task", RETRIED, ids=lambda task: str(task.name))
def test_a_step_is_tried_again_when_a_server_is_away(task: Any) -> None:
    said = (task.autoretry_for, task.max_retries, task.retry_backoff, task.retry_backoff_max)

    assert said == ((DependencyError,), 5, 1, 15)
    assert hasattr(task, "_orig_run")  # so Celery has put its retrying around it


def test_a_probe_is_not_retried_from_outside_because_it_must_end_well() -> None:
    assert not hasattr(steps.probe, "_orig_run")
