"""Workers that end, sweep and cancel batches of one run at the same moment."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import Engine, text

from enrich.domain.run import BatchRef, Counts, Phase, RunOptions, RunState
from enrich.ports import NewRun, Selection, Settled, Settlement, WriteReport
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from tests.store_fixtures import TABLE, TENANT, filled, make_table, said

pytestmark = pytest.mark.servers

_HOLD_BATCH = text("SELECT FROM batches WHERE run_id = :run FOR UPDATE")
_HOLD_ROWS = text("SELECT FROM rows FOR UPDATE NOWAIT")
_TYPE = text("""UPDATE rows SET data = data || '{"city": "Basel"}' WHERE id = :row""")
_WAITING = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")

T = TypeVar("T")
WORKERS = 8
ROWS = 64


@pytest.fixture
def runs(clean_engine: Engine) -> PostgresRunStore:
    """A store whose table has 64 rows."""
    make_table(PostgresRowStore(clean_engine), ROWS)
    return PostgresRunStore(clean_engine)


def begin(runs: PostgresRunStore, *, in_flight: int, lease_s: float = 60) -> tuple[BatchRef, ...]:
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=("city",),
        selection=Selection(),
        options=RunOptions(),
        batch_rows=2,
    )
    return runs.create(new, in_flight=in_flight, lease_s=lease_s)[1]


def at_once(work: Callable[[int], T]) -> list[T]:
    barrier = Barrier(WORKERS)

    def begin_together(number: int) -> T:
        barrier.wait(timeout=60)
        return work(number)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(begin_together, range(WORKERS)))


def until_somebody_waits(engine: Engine) -> None:
    until_s = time.monotonic() + 60
    with engine.connect() as connection:
        while not connection.execute(_WAITING).scalar():
            assert time.monotonic() < until_s
            connection.rollback()


def end(runs: PostgresRunStore, ref: BatchRef) -> Settled:
    batch = runs.open(ref, lease_s=60)
    rows = batch.rows if batch else ()
    writes = tuple(filled(row.id, "city", "Bern", ref.run_id, ref.attempt) for row in rows)
    settlement = Settlement(writes=writes, phase=Phase.DONE, counts=Counts(filled=len(writes)))
    return runs.settle(ref, settlement, in_flight=WORKERS, lease_s=60)


def end_all(runs: PostgresRunStore, ref: BatchRef) -> list[Settled]:
    done, todo = [], [ref]
    while todo:
        settled = end(runs, todo.pop())
        todo += settled.launched
        done.append(settled)
    return done


def test_every_batch_is_launched_once_and_the_run_ends_once(runs: PostgresRunStore) -> None:
    refs = begin(runs, in_flight=WORKERS)

    done = list(chain.from_iterable(at_once(lambda number: end_all(runs, refs[number]))))

    launched = [ref.number for settled in done for ref in settled.launched]
    assert sorted(launched) == list(range(WORKERS + 1, ROWS // 2 + 1))
    assert sum(settled.finished is not None for settled in done) == 1
    assert runs.summary(TENANT, refs[0].run_id).counts.filled == ROWS


def test_of_workers_that_end_one_batch_at_once_one_wins(runs: PostgresRunStore) -> None:
    ref = begin(runs, in_flight=1)[0]

    won = at_once(lambda _: end(runs, ref).won)

    assert sorted(won) == [False] * (WORKERS - 1) + [True]


def test_who_settles_with_what_was_said_holds_no_row_while_another_has_the_batch(
    clean_engine: Engine, runs: PostgresRunStore
) -> None:
    ref = begin(runs, in_flight=1)[0]
    batch = runs.open(ref, lease_s=60)
    assert batch is not None
    heard = Settlement(writes=(), phase=Phase.DONE, said=(said(batch.rows[0].id),))
    with ThreadPoolExecutor(1) as pool, clean_engine.begin() as other:
        other.execute(_HOLD_BATCH, {"run": ref.run_id})
        settled = pool.submit(runs.settle, ref, heard, in_flight=1, lease_s=60)
        until_somebody_waits(clean_engine)

        other.execute(_HOLD_ROWS)

    assert settled.result(timeout=60).won


def test_what_is_typed_while_a_batch_waits_for_the_row_is_kept(
    clean_engine: Engine, runs: PostgresRunStore
) -> None:
    ref = begin(runs, in_flight=1)[0]
    batch = runs.open(ref, lease_s=60)
    assert batch is not None
    typed, free = sorted(row.id for row in batch.rows)
    with ThreadPoolExecutor(1) as pool:
        with clean_engine.begin() as other:
            other.execute(_TYPE, {"row": typed})
            settled = pool.submit(end, runs, ref)
            until_somebody_waits(clean_engine)

        assert settled.result(timeout=60).report == WriteReport(written=1, protected=1)
    cities = {
        row.id: row.data["city"]
        for row in PostgresRowStore(clean_engine).scan(TENANT, TABLE)
        if row.id in {typed, free}
    }
    assert cities == {typed: "Basel", free: "Bern"}


def test_sweeps_at_once_share_the_work(runs: PostgresRunStore) -> None:
    refs = begin(runs, in_flight=ROWS, lease_s=-1)

    swept = at_once(lambda _: runs.sweep(lease_s=60, max_attempts=3, limit=ROWS).due)

    taken = sorted(ref.number for due in swept for _, ref in due)
    assert taken == [ref.number for ref in refs]


def test_probes_that_record_the_same_answers_at_once_keep_one_of_each(
    runs: PostgresRunStore,
) -> None:
    ref = begin(runs, in_flight=1)[0]
    batch = runs.open(ref, lease_s=60)
    assert batch is not None
    answers = [said(row.id, key=f"q{n}") for row in batch.rows for n in range(20)]

    new = at_once(lambda number: runs.record(ref, answers if number % 2 else answers[::-1]))

    assert sum(new) == len(answers)


def test_a_run_that_is_cancelled_while_its_batches_end_stays_cancelled(
    runs: PostgresRunStore,
) -> None:
    refs = begin(runs, in_flight=WORKERS)
    run_id = refs[0].run_id

    def work(number: int) -> int:
        if number == 0:
            return int(runs.cancel(TENANT, run_id))
        return len(end_all(runs, refs[number]))

    at_once(work)

    summary = runs.summary(TENANT, run_id)
    assert summary.state is RunState.CANCELLED
    assert sum(summary.batches.values()) == ROWS // 2
    assert set(summary.batches) <= {"done", "cancelled"}
    assert runs.sweep(lease_s=60, max_attempts=3).due == ()
