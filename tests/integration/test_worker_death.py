"""A worker dies by kill -9 in the middle of a run: no row is lost and no cell is written twice."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from celery.result import AsyncResult
from pytest_celery import CeleryTestSetup
from sqlalchemy import text

from tests.integration.worker_fixtures import ENRICHED, World, end_leases, held_back
from tests.waiting import eventually

# A whole run, twice, on a machine that may have other work.
pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.timeout(400)]

ROWS = 120

#: Keeps, for every cell that a run has decided, how often it was written.
AUDIT = """
    CREATE TABLE cell_writes (row_id bigint, cell text, stamp jsonb);
    CREATE FUNCTION note_cells() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO cell_writes
        SELECT NEW.id, c.key, c.value FROM jsonb_each(NEW.cells) AS c
        WHERE c.value IS DISTINCT FROM OLD.cells -> c.key AND c.value ->> 'state' <> 'pending';
        RETURN NEW;
    END $$;
    CREATE TRIGGER note_cells AFTER UPDATE ON rows FOR EACH ROW EXECUTE FUNCTION note_cells();
"""
NO_AUDIT = "DROP TRIGGER note_cells ON rows; DROP FUNCTION note_cells; DROP TABLE cell_writes"

NEWEST_RUN = "SELECT max(r.id) FROM runs r JOIN tables t ON t.id = r.table_id WHERE t.name = :table"
BATCHES = "SELECT count(*) FROM batches WHERE run_id = :run AND phase = ANY(:phases)"


@pytest.fixture
def audited(world: World) -> Iterator[World]:
    """The database, keeping a note of every write of a cell."""
    with world.engine.begin() as connection:
        connection.execute(text(AUDIT))
    yield world
    with world.engine.begin() as connection:
        connection.execute(text(NO_AUDIT))


def in_phases(world: World, run: int, *phases: str) -> int:
    return int(world.scalar(BATCHES, run=run, phases=list(phases)))


@contextmanager
def in_the_middle(
    setup: CeleryTestSetup, world: World, table: str
) -> Iterator[tuple[AsyncResult[Any], int]]:
    """Send a run; give who waits for it, and its number, while it is in the middle."""
    # What others have asked about the same companies would end it sooner.
    sent = setup.app.send_task("enrich.table", (table,), {"force": True}, queue="enrich.ingest")
    assert eventually(lambda: world.scalar(NEWEST_RUN, table=table) is not None)
    run = int(world.scalar(NEWEST_RUN, table=table))
    with held_back(world, run):
        assert eventually(lambda: in_phases(world, run, "done") >= 1, within_s=120)
        yield sent, run


@pytest.fixture
def let_leases_run_out(
    world: World, worker_environment: Mapping[str, str]
) -> Callable[[str], None]:
    """Let what the dead worker held run out."""
    return partial(end_leases, world, worker_environment)


def sweep_until_done(setup: CeleryTestSetup, world: World, run: int) -> None:
    def is_done() -> bool:
        setup.app.send_task("enrich.sweep", queue="enrich.control", ignore_result=True)
        return bool(world.scalar("SELECT state = 'done' FROM runs WHERE id = :run", run=run))

    assert eventually(is_done, within_s=180, every_s=0.5)


def test_run_survives_the_death_of_its_worker(
    celery_setup: CeleryTestSetup, audited: World, let_leases_run_out: Callable[[str], None]
) -> None:
    table = audited.make_table(ROWS)
    with in_the_middle(celery_setup, audited, table) as (sent, run):
        celery_setup.worker.kill()
        unfinished = in_phases(audited, run, "queued", "probe", "premium")
    celery_setup.worker.restart()
    let_leases_run_out(table)
    sweep_until_done(celery_setup, audited, run)
    summary = sent.get(timeout=60)

    assert unfinished > 0
    assert in_phases(audited, run, "done") == audited.scalar(
        "SELECT batches_total FROM runs WHERE id = :run", run=run
    )
    ends = ("filled", "not_found", "failed", "skipped", "pending")
    assert sum(summary[end] for end in ends) == ROWS * len(ENRICHED)
    assert audited.scalar(WRITTEN) == ROWS * len(ENRICHED)
    assert audited.scalar(WRITTEN_TWICE) == 0
    assert audited.scalar(PAID_TWICE, run=run) == 0


def test_late_message_of_an_older_attempt_changes_nothing(
    celery_setup: CeleryTestSetup, audited: World, let_leases_run_out: Callable[[str], None]
) -> None:
    table, app = audited.make_table(5), celery_setup.app
    app.control.cancel_consumer("enrich.fuse", reply=True, timeout=30, limit=1)
    # What is cached would be written at once, before anything is fused.
    wish = {"columns": ["website"], "force": True}
    sent = app.send_task("enrich.table", (table,), wish, queue="enrich.ingest")
    assert eventually(lambda: waiting(celery_setup) == 1)
    run = int(audited.scalar(NEWEST_RUN, table=table))
    let_leases_run_out(table)
    app.send_task("enrich.sweep", queue="enrich.control", ignore_result=True)
    assert eventually(lambda: waiting(celery_setup) == 2)
    app.control.add_consumer("enrich.fuse", reply=True, timeout=30, limit=1)
    summary = sent.get(timeout=90)

    assert summary["filled"] + summary["not_found"] + summary["failed"] == 5
    assert audited.all("SELECT attempt FROM batches WHERE run_id = :run", run=run) == [(2,)]
    assert set(audited.all(ATTEMPTS, run=run)) == {(2,)}
    assert audited.scalar(WRITTEN_TWICE) == 0


def waiting(setup: CeleryTestSetup) -> int:
    with setup.broker.container.client as client:
        return int(client.llen("enrich.fuse"))


ATTEMPTS = """
    SELECT DISTINCT (stamp ->> 'fence')::integer FROM cell_writes
    WHERE (stamp ->> 'run')::bigint = :run
"""
WRITTEN = "SELECT count(*) FROM cell_writes"
WRITTEN_TWICE = """
    SELECT count(*) FROM (
        SELECT FROM cell_writes GROUP BY row_id, cell HAVING count(*) > 1) AS twice
"""
PAID_TWICE = """
    SELECT count(*) FROM (
        SELECT FROM responses WHERE run_id = :run AND cost_microcredits > 0
        GROUP BY row_id, provider, input_key HAVING count(*) > 1) AS twice
"""
