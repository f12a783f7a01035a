"""The clock begins runs in a real worker: once, however many schedulers ask."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_celery import CeleryTestSetup

from enrich.domain.schedule import Schedule
from enrich.store.schedules import PostgresSchedules
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker]

RUNS = """
    SELECT count(*), count(*) FILTER (WHERE state = 'done')
    FROM runs r JOIN tables t ON t.id = r.table_id WHERE t.name = :table
"""


def test_two_schedulers_that_ask_at_once_begin_one_run_and_its_end_is_reported(
    celery_setup: CeleryTestSetup, world: World
) -> None:
    table, before = world.make_table(3), len(celery_setup.worker.logs())
    soon = Schedule(
        tenant="default",
        table=table,
        name=table,
        cron="0 3 1 1 *",
        wish={"columns": ["website"], "max_cost": 1.0},
        next_at=datetime.now(UTC) - timedelta(minutes=1),
    )
    PostgresSchedules(world.engine).add(soon)

    asked = [_tick(celery_setup) for _ in range(4)]
    taken = [one.get(timeout=200) for one in asked]

    assert sum(taken) == 1
    assert eventually(lambda: world.all(RUNS, table=table) == [(1, 1)])
    assert eventually(lambda: f'"schedule": "{table}"' in _ended(celery_setup, before))


def test_a_scheduled_run_without_rows_is_told_of_as_any_other(
    celery_setup: CeleryTestSetup, world: World
) -> None:
    table, before = world.make_table(1), len(celery_setup.worker.logs())
    soon = Schedule(
        tenant="default",
        table=table,
        name=table,
        cron="0 3 1 1 *",
        wish={"columns": ["website"], "where": {"state": ["failed"]}},
        next_at=datetime.now(UTC) - timedelta(minutes=1),
    )
    PostgresSchedules(world.engine).add(soon)

    _tick(celery_setup).get(timeout=200)

    assert eventually(lambda: f'"schedule": "{table}"' in _ended(celery_setup, before))
    assert eventually(
        lambda: any(
            "run.finished" in line and f'"table": "{table}"' in line
            for line in celery_setup.worker.logs()[before:].splitlines()
        )
    )


def _tick(setup: CeleryTestSetup) -> Any:
    return setup.app.send_task("enrich.schedule", queue="enrich.control", ignore_result=False)


def _ended(setup: CeleryTestSetup, before: int) -> str:
    lines = setup.worker.logs()[before:].splitlines()
    return "\n".join(line for line in lines if "schedule.ended" in line)
