"""Answers that providers send by themselves, in memory and in PostgreSQL."""

from datetime import timedelta

import pytest

from enrich.domain.callback import NewCallback, Receipt
from enrich.domain.run import BatchRef, Counts, Phase, RunOptions, RunView
from enrich.ports import Deferred, NewRun, Selection, Settlement
from tests.contract.conftest import Stores
from tests.store_fixtures import TABLE, TENANT, by, make_table, said

BODY = b'{"name": "Acme"}'


@pytest.fixture
def run(stores: Stores) -> RunView:
    """A run of four rows in one batch."""
    make_table(stores.rows, 4)
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=("industry",),
        selection=Selection(),
        options=RunOptions(),
        batch_rows=9,
    )
    return stores.runs.create(new, in_flight=9, lease_s=60)[0]


def rows_of(stores: Stores) -> tuple[int, ...]:
    return tuple(row.id for row in stores.rows.read(TENANT, TABLE, ["k1", "k2", "k3", "k4"]))


def opened(stores: Stores, run: RunView, name: str, *rows: int, wait_s: float = 600) -> bool:
    new = NewCallback(
        name=name,
        tenant=TENANT,
        run_id=run.id,
        provider="acme",
        rows=rows or rows_of(stores),
        wait_s=wait_s,
        calls={f"call-of-{name}": "key"},
    )
    return stores.callbacks.open(new) is not None


def parked(stores: Stores, run: RunView) -> None:
    """Let the run's batch end with all rows waiting for ten minutes."""
    ref = BatchRef(run_id=run.id, number=1, attempt=1, phase=Phase.PROBE)
    batch = stores.runs.open(ref, lease_s=60)
    assert batch is not None
    rows, moment = rows_of(stores), by(ref, said(1)).observed_at + timedelta(days=9999)
    settlement = Settlement(
        writes=(),
        phase=Phase.DONE,
        wave=0,
        counts=Counts(),
        deferred=Deferred(rows=rows, ready_at=moment),
    )
    assert stores.runs.settle(ref, settlement, in_flight=9, lease_s=60).won


def receive(stores: Stores, name: str) -> Receipt:
    return stores.callbacks.receive(name, body=BODY, content_type="application/json").receipt


def due(stores: Stores) -> int:
    return len(stores.runs.sweep(lease_s=60, max_attempts=3).due)


def test_what_is_sent_is_kept_until_it_is_read_and_after(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")

    assert receive(stores, "one") is Receipt.TAKEN
    first, again = (stores.callbacks.read(TENANT, "one") for _ in range(2))

    assert first == again
    assert first is not None
    assert (first.body, first.content_type) == (BODY, "application/json")


def test_an_answer_is_taken_once(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")
    receive(stores, "one")

    again = stores.callbacks.receive("one", body=b"another", content_type="")

    assert again.receipt is Receipt.CLOSED
    kept = stores.callbacks.read(TENANT, "one")
    assert kept is not None
    assert kept.body == BODY


def test_a_late_answer_changes_nothing(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one", wait_s=-1)

    assert receive(stores, "one") is Receipt.CLOSED
    kept = stores.callbacks.read(TENANT, "one")
    assert kept is not None
    assert (kept.body, kept.is_late) == (None, True)


def test_an_answer_to_a_cancelled_run_changes_nothing(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")
    stores.runs.cancel(TENANT, run.id)

    assert receive(stores, "one") is Receipt.CLOSED


def test_an_answer_that_nobody_waits_for_is_unknown(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")
    stores.callbacks.forget(TENANT, "one")

    assert receive(stores, "one") is Receipt.UNKNOWN
    assert stores.callbacks.read(TENANT, "one") is None


def test_nobody_reads_what_another_tenant_waits_for(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")

    assert stores.callbacks.read("another", "one") is None
    assert stores.callbacks.find("another", "call-of-one") is None


def test_nobody_ends_what_another_tenant_waits_for(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")

    stores.callbacks.forget("another", "one")

    assert stores.callbacks.read(TENANT, "one") is not None


def test_what_a_paid_call_waits_for_is_found_by_its_name(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")

    assert stores.callbacks.find(TENANT, "call-of-one") == ("one", "key")
    assert stores.callbacks.find(TENANT, "call-of-two") is None


def test_an_answer_wakes_the_batch_that_waits_for_it(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")
    parked(stores, run)
    before = due(stores)

    receive(stores, "one")

    assert (before, due(stores)) == (0, 1)


def test_an_answer_that_came_before_its_batch_waits_wakes_it_too(
    stores: Stores, run: RunView
) -> None:
    opened(stores, run, "one")
    receive(stores, "one")
    parked(stores, run)

    assert (due(stores), stores.callbacks.wake(), due(stores)) == (0, 1, 1)


def test_a_batch_is_woken_when_as_many_answers_are_there_as_lack(
    stores: Stores, run: RunView
) -> None:
    names = ("a", "b", "c", "d")
    for name, row in zip(names, rows_of(stores), strict=True):
        opened(stores, run, name, row)
    parked(stores, run)

    woken = [stores.callbacks.receive(name, body=BODY, content_type="").woken for name in names[:2]]

    assert woken == [0, 1]


def test_being_woken_is_no_loss(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")
    parked(stores, run)
    receive(stores, "one")

    swept = stores.runs.sweep(lease_s=60, max_attempts=1)

    assert (len(swept.due), swept.parked) == (1, 0)


def test_an_erased_row_takes_its_answers_along(stores: Stores, run: RunView) -> None:
    opened(stores, run, "one")
    receive(stores, "one")

    stores.rows.delete_row(TENANT, TABLE, "k1")

    assert stores.callbacks.read(TENANT, "one") is None


def test_nothing_is_waited_for_about_a_row_that_was_erased(stores: Stores, run: RunView) -> None:
    rows = rows_of(stores)
    stores.rows.delete_row(TENANT, TABLE, "k1")

    assert not opened(stores, run, "alone", rows[0])
    assert not opened(stores, run, "among others", *rows)
    assert receive(stores, "alone") is Receipt.UNKNOWN
    assert opened(stores, run, "without it", *rows[1:])
