"""A row that is erased in the very moment in which something is written down about it."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from enrich.domain.callback import NewCallback
from enrich.domain.job import Job, new_job
from enrich.domain.outcome import Found
from enrich.domain.paid import Asked, CallEnd
from enrich.domain.run import BatchRef, Counts, Phase, RunOptions, RunView
from enrich.domain.values import Observation
from enrich.ports import NewRow, NewRun, Selection, Settlement
from enrich.ports.jobs import Beginning
from enrich.ports.requests import NewSqlRequest
from enrich.store.callbacks import PostgresCallbacks
from enrich.store.calls import PostgresPaidCalls
from enrich.store.imports import import_rows
from enrich.store.jobs import PostgresJobs
from enrich.store.requests import PostgresSqlRequests
from enrich.store.responses import record_responses
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from enrich.store.tables import find_table
from tests.store_fixtures import NOW, TABLE, TENANT, filled, make_table, said
from tests.unit.batches import spec

pytestmark = pytest.mark.servers

_WAITS = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")
_LEFT = text("""
    SELECT (SELECT count(*) FROM responses) + (SELECT count(*) FROM paid_calls)
           + (SELECT count(*) FROM callbacks)
""")
_VENDOR = spec("vendor", "domain", "industry", price=1)
_BOOKS = text("SELECT CAST(c AS text), cost_microcredits FROM paid_calls c")
Write = Callable[[Engine, RunView, BatchRef, int], object]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one:
        yield one


def begin(engine: Engine) -> tuple[RunView, BatchRef, int]:
    """Begin a run of a table with one row."""
    (row,) = make_table(PostgresRowStore(engine), 1)
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=("city",),
        selection=Selection(),
        options=RunOptions(),
        batch_rows=2,
    )
    run, (ref,) = PostgresRunStore(engine).create(new, in_flight=1, lease_s=60)
    return run, ref, row


def until_it_waits(engine: Engine, work: "Future[object]") -> None:
    """Go on when the work waits for a lock, or has not waited for any."""
    until_s = time.monotonic() + 60
    with engine.connect() as connection:
        while not work.done() and not connection.execute(_WAITS).scalar():
            assert time.monotonic() < until_s
            connection.rollback()


def left(engine: Engine) -> int:
    """Count the lines about any row."""
    with engine.connect() as connection:
        return int(connection.execute(_LEFT).scalar_one())


def record(engine: Engine, _: RunView, ref: BatchRef, row: int) -> object:
    return PostgresRunStore(engine).record(ref, [said(row)])


def settle(engine: Engine, _: RunView, ref: BatchRef, row: int) -> object:
    writes = (filled(row, "city", "Bern", ref.run_id),)
    done = Settlement(writes=writes, phase=Phase.DONE, counts=Counts(filled=1), said=(said(row),))
    settled = PostgresRunStore(engine).settle(ref, done, in_flight=1, lease_s=60)
    return settled.recorded + settled.report.written


def reserve(engine: Engine, run: RunView, _: BatchRef, row: int) -> object:
    asked = {"q": Asked(row=row, price_microcredits=1)}
    paid = PostgresPaidCalls(engine)
    return len(paid.reserve(run, _VENDOR, asked, holder="x", hold_s=9, parks=False))


def open_callback(engine: Engine, run: RunView, _: BatchRef, row: int) -> object:
    new = NewCallback(
        name="n", tenant=TENANT, run_id=run.id, provider="vendor", rows=(row,), wait_s=60
    )
    return 0 if PostgresCallbacks(engine).open(new) is None else 1


@pytest.mark.parametrize("write", [record, settle, reserve, open_callback])
def test_what_comes_while_a_row_is_being_erased_finds_it_gone(
    clean_engine: Engine, pool: ThreadPoolExecutor, write: Write
) -> None:
    run, ref, row = begin(clean_engine)
    with clean_engine.begin() as erasing:
        erasing.execute(text("DELETE FROM rows"))
        written = pool.submit(write, clean_engine, run, ref, row)
        until_it_waits(clean_engine, written)

    assert written.result(timeout=60) == 0
    assert left(clean_engine) == 0


def test_who_erases_waits_for_what_is_being_written_down_and_removes_it(
    clean_engine: Engine, pool: ThreadPoolExecutor
) -> None:
    _, ref, row = begin(clean_engine)
    with clean_engine.begin() as recording:
        record_responses(recording, ref, [said(row)])
        erased = pool.submit(PostgresRowStore(clean_engine).delete_row, TENANT, TABLE, "k1")
        until_it_waits(clean_engine, erased)

    removed = erased.result(timeout=60)
    assert removed is not None
    assert (removed.answers, removed.questions) == (1, ("q",))
    assert left(clean_engine) == 0


def test_an_import_keeps_nobody_from_writing_down_what_was_said(clean_engine: Engine) -> None:
    _, ref, row = begin(clean_engine)
    with clean_engine.begin() as importing:
        found = find_table(importing, TENANT, TABLE)
        changed = NewRow(key="k1", data={"name": "Another Firm"})
        counted = import_rows(importing, TENANT, found, [changed])

        assert PostgresRunStore(clean_engine).record(ref, [said(row)]) == 1
    assert counted == (0, 1)


def _queued(engine: Engine) -> Job:
    """Store a job that waits."""
    new = new_job(TENANT, "k1", {"name": "Ada"}, is_forced=False, key="")
    ((_, job),) = PostgresJobs(engine).take([new], window_s=60)
    assert job is not None
    return job


def bring_in_a_profile(engine: Engine, job: Job, _: int) -> object:
    beginning = Beginning(
        tenant=TENANT,
        table=TABLE,
        wanted=("industry",),
        options=RunOptions(),
        jobs=[(job, {"name": "Ada"})],
    )
    return PostgresJobs(engine).begin(beginning, lease_s=60) is not None


def bring_in_a_request(engine: Engine, _: Job, number: int) -> object:
    asked = {number: NewRow(key="k1", data={"name": "Ada"})}
    return bool(PostgresSqlRequests(engine).bring_in(TENANT, TABLE, asked))


@pytest.mark.parametrize("bring_in", [bring_in_a_profile, bring_in_a_request])
def test_what_is_erased_while_it_begins_brings_no_row(
    clean_engine: Engine,
    pool: ThreadPoolExecutor,
    bring_in: Callable[[Engine, Job, int], object],
) -> None:
    job = _queued(clean_engine)
    wish = NewSqlRequest(tenant=TENANT, table=TABLE, row="k1", data={"name": "Ada"})
    number = PostgresSqlRequests(clean_engine).add(wish)
    rows = PostgresRowStore(clean_engine)
    make_table(rows)
    with clean_engine.begin() as erasing:
        erasing.execute(text("DELETE FROM jobs"))
        erasing.execute(text("DELETE FROM requests"))
        brought = pool.submit(bring_in, clean_engine, job, number)
        until_it_waits(clean_engine, brought)

    assert brought.result(timeout=60) is False
    assert rows.table(TENANT, TABLE).rows == 0


def test_the_books_keep_of_an_erased_row_only_what_it_cost(clean_engine: Engine) -> None:
    run, _, row = begin(clean_engine)
    paid, canary = PostgresPaidCalls(clean_engine), secrets.token_hex(16)
    asked = {canary: Asked(row=row, price_microcredits=7)}
    paid.reserve(run, _VENDOR, asked, holder="x", hold_s=9, parks=False)
    found = Found({"industry": Observation(value=canary, confidence=0.9)})
    answered = CallEnd(outcome=found, observed_at=NOW, cost_microcredits=7)
    paid.note(TENANT, "x", ended={canary: answered})

    PostgresRowStore(clean_engine).delete_row(TENANT, TABLE, "k1")

    with clean_engine.connect() as connection:
        ((line, cost),) = connection.execute(_BOOKS).all()
    assert cost == 7
    assert canary not in line
