"""Requests about single cells and rows are gathered by a worker, and each caller gets its own."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import redis
from celery import Celery
from celery.result import AsyncResult
from pytest_celery import CeleryTestSetup

from enrich.errors import UsageError
from tests.integration.nodes import WorkerProcess
from tests.integration.worker_fixtures import World, end_leases
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.timeout(300)]

ROWS = 30
QUEUE = "enrich.ingest"
RUNS = """
    SELECT r.wanted, r.tenant_id, r.rows_total FROM runs r JOIN tables t ON t.id = r.table_id
    WHERE t.name = :table
"""
CALLERS = """
    SELECT c.id, c.answered_at IS NOT NULL FROM callers c JOIN runs r ON r.id = c.run_id
    JOIN tables t ON t.id = r.table_id WHERE t.name = :table
"""
VALUES = """
    SELECT r.key, r.data ->> :column FROM rows r JOIN tables t ON t.id = r.table_id
    WHERE t.name = :table AND t.tenant_id = :tenant
"""


@pytest.fixture
def resting(celery_setup: CeleryTestSetup) -> Iterator[CeleryTestSetup]:
    """The session's worker dead, so that messages pile up; it lives again after the test."""
    celery_setup.worker.kill()
    yield celery_setup
    awake(celery_setup)


def awake(setup: CeleryTestSetup) -> None:
    worker = setup.worker.container
    if worker.pid is None:
        worker.start()
        worker.ready()


def send(app: Celery, task: str, *args: Any, **kwargs: Any) -> AsyncResult[Any]:
    return app.send_task(task, args, kwargs, queue=QUEUE)


def key(number: int) -> str:
    return f"row_{number:04d}"


def value_of(sent: AsyncResult[Any]) -> Any:
    return sent.get(timeout=200)["value"]


def test_many_calls_become_few_runs_and_each_caller_has_its_own_value(
    resting: CeleryTestSetup, world: World
) -> None:
    table = world.make_table(ROWS)
    sent = {
        key(n): send(resting.app, "enrich.cell", table, key(n), "industry")
        for n in range(1, ROWS + 1)
    }

    awake(resting)

    told = {row: value_of(one) for row, one in sent.items()}
    assert told == dict(world.all(VALUES, column="industry", table=table, tenant="default"))
    runs = world.all(RUNS, table=table)
    # On a slow machine the first calls come one by one, and go at once.
    assert len(runs) <= ROWS / 2
    assert sum(rows for _, _, rows in runs) == ROWS
    assert sorted(world.all(CALLERS, table=table)) == sorted(
        (one.id, True) for one in sent.values()
    )


def test_columns_tenants_and_settings_are_not_mixed(resting: CeleryTestSetup, world: World) -> None:
    table = world.make_table(6)
    world.rows.save_columns("other", table, world.rows.table("default", table).columns)
    app = resting.app
    sent = [send(app, "enrich.cell", table, key(n), "industry") for n in (1, 2)]
    sent += [send(app, "enrich.cell", table, key(n), "website") for n in (1, 2)]
    sent += [send(app, "enrich.cell", table, key(3), "city", max_cost=1.0) for _ in range(2)]
    stranger = send(app, "enrich.cell", table, key(1), "industry", tenant="other")
    nobody = send(app, "enrich.cell", table, "nowhere", "industry")
    wrong = send(app, "enrich.cell", table, key(2))

    awake(resting)

    assert all("value" in one.get(timeout=200) for one in sent)
    for refused, said in ((stranger, "row 'row_0001'"), (nobody, "'nowhere'"), (wrong, "column")):
        with pytest.raises(UsageError, match=said):
            refused.get(timeout=200)
    wanted = Counter(tuple(columns) for columns, _, _ in world.all(RUNS, table=table))
    # Who has a limit of one's own spends against nobody else's.
    assert wanted[("city",)] >= 1
    assert set(wanted) <= {("industry",), ("website",), ("city",)}
    assert {tenant for _, tenant, _ in world.all(RUNS, table=table)} == {"default"}


@pytest.fixture
def patient_worker(
    start_worker: Callable[..., WorkerProcess], worker_environment: Mapping[str, str]
) -> WorkerProcess:
    """A worker that keeps calls for so long that it can be killed meanwhile."""
    own = {**worker_environment, "ENRICH_GATHER__WINDOW_SECONDS": "1"}
    worker = start_worker("patient", own)
    worker.ready()
    return worker


def test_killed_while_calls_are_gathered_it_loses_no_caller(
    resting: CeleryTestSetup,
    world: World,
    patient_worker: WorkerProcess,
    worker_environment: Mapping[str, str],
) -> None:
    table = world.make_table(ROWS)
    sent = {
        key(n): send(resting.app, "enrich.cell", table, key(n), "industry")
        for n in range(1, ROWS + 1)
    }
    assert eventually(lambda: bool(world.all(CALLERS, table=table)))
    patient_worker.kill()
    stored = len(world.all(CALLERS, table=table))
    assert stored < ROWS
    let_time_pass(world, table, worker_environment)

    awake(resting)

    told = {row: value_of(one) for row, one in sent.items()}
    assert told == dict(world.all(VALUES, column="industry", table=table, tenant="default"))
    callers = world.all(CALLERS, table=table)
    assert sorted(one for one, _ in callers) == sorted(one.id for one in sent.values())
    assert sum(rows for _, _, rows in world.all(RUNS, table=table)) == ROWS


def let_time_pass(world: World, table: str, environment: Mapping[str, str]) -> None:
    """Let leases and the patience with whoever took messages run out, instead of waiting."""
    end_leases(world, environment, table)
    with redis.Redis.from_url(environment["ENRICH_BROKER__URL"]) as client:
        held = dict.fromkeys(client.zrange("unacked_index", 0, -1), 0.0)
        if held:
            client.zadd("unacked_index", held)
