"""Batches that are settled: cells, counts, rows put off; in memory and in PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enrich.domain.outcome import OVER_BUDGET, NotFound, Pending, RateLimited, Skipped
from enrich.domain.run import BatchRef, Counts, Phase, RunState
from enrich.domain.table import CellState, CellWrite
from enrich.ports import Deferred, Finished, Settled, Settlement, WriteReport
from tests.contract.conftest import Stores
from tests.contract.runs_world import END, begin, rows_of, settle, sweep
from tests.store_fixtures import HOUR, NOW, TABLE, TENANT, by, filled, make_table, provenance, said


def test_settling_writes_cells_counts_and_moves_on(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    run, (ref,) = begin(stores)
    write = filled(row, "city", "Bern", ref.stamp.number, ref.stamp.attempt)

    settled = settle(
        stores,
        ref,
        Settlement(writes=(write,), phase=Phase.PREMIUM, wave=1, counts=Counts(filled=1)),
    )

    assert settled == Settled(won=True, report=WriteReport(written=1))
    assert stores.rows.read(TENANT, TABLE, ["k1"])[0].data["city"] == "Bern"
    assert stores.runs.open(ref.moved_to(Phase.PREMIUM, 1), lease_s=60) is not None
    assert stores.runs.summary(TENANT, run.id).counts == Counts(filled=1)


def test_answers_of_a_runs_batches_add_up_by_provider_and_outcome(stores: Stores) -> None:
    make_table(stores.rows, 2)
    run, refs = begin(stores, batch_rows=1)
    counts = [Counts(answers={"a/found": 2, "b/not_found": 1}), Counts(answers={"a/found": 3})]

    for ref, count in zip(refs, counts, strict=True):
        settle(stores, ref, Settlement(writes=(), phase=Phase.DONE, wave=0, counts=count))

    assert stores.runs.summary(TENANT, run.id).counts == Counts(
        answers={"a/found": 5, "b/not_found": 1}
    )


@pytest.mark.parametrize("is_late", [False, True], ids=["in-its-place", "moved-on-meanwhile"])
def test_what_was_said_with_a_settlement_is_kept_wherever_the_batch_is(
    stores: Stores, is_late: bool
) -> None:
    row, *_ = make_table(stores.rows, 1)
    run, (ref,) = begin(stores)
    moved = replace(ref, attempt=ref.attempt + 1) if is_late else ref
    heard = replace(END, said=(said(row), said(row, NotFound(), provider="other")))

    settled = settle(stores, moved, heard)
    again = settle(stores, moved, heard)

    assert (settled.won, settled.recorded) == (not is_late, 2)
    assert (again.won, again.recorded) == (False, 0)
    assert [number for number, _ in stores.runs.evidence(TENANT, TABLE, "k1")] == [run.id] * 2


def test_the_ledger_has_room_for_the_months_to_come(stores: Stores) -> None:
    stores.runs.extend_ledger(months=2)

    assert stores.runs.extend_ledger(months=2) == 0


def test_settling_judges_each_cell_of_rows_that_hold_something_already(stores: Stores) -> None:
    free, typed, newer, gone = make_table(stores.rows, 4)
    _, (ref,) = begin(stores, batch_rows=4)
    at = ref.stamp.number, ref.stamp.attempt
    stores.rows.type_value(TENANT, TABLE, "k2", "city", "Oslo")
    stores.rows.write_cells(TENANT, TABLE, [filled(newer, "city", "Lima", at[0] + 1)])
    stores.rows.delete_row(TENANT, TABLE, "k4")
    writes = [filled(row, "city", "Bern", *at) for row in (free, typed, newer, gone)]
    writes += [
        CellWrite(
            row=row,
            column="industry",
            provenance=provenance(*at, state=CellState.NOT_FOUND),
        )
        for row in (free, typed)
    ]

    settled = settle(stores, ref, Settlement(writes=tuple(writes), phase=Phase.DONE))

    rows = stores.rows.read(TENANT, TABLE, ["k1", "k2", "k3"])
    assert settled.report == WriteReport(written=3, superseded=1, protected=1, gone=1)
    assert [row.data["city"] for row in rows] == ["Bern", "Oslo", "Lima"]
    assert [row.cells["industry"].state for row in rows[:2]] == [CellState.NOT_FOUND] * 2
    assert all("industry" not in row.data for row in rows)


def test_only_the_first_of_two_settlements_counts(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    run, (ref,) = begin(stores)
    settle(stores, ref, Settlement(writes=(), phase=Phase.PROBE, wave=1, counts=Counts(failed=1)))

    again = settle(
        stores,
        ref,
        Settlement(
            writes=(filled(row, "city", "Bern", run.id, 9),),
            phase=Phase.DONE,
            counts=Counts(filled=1),
        ),
    )

    assert again == Settled(won=False)
    assert stores.runs.summary(TENANT, run.id).counts == Counts(failed=1)
    assert "city" not in stores.rows.read(TENANT, TABLE, ["k1"])[0].data


def test_a_batch_that_ends_makes_room_for_the_next(stores: Stores) -> None:
    make_table(stores.rows, 6)
    run, refs = begin(stores, in_flight=1)

    settled = settle(stores, refs[0], in_flight=1)

    assert settled.launched == (
        BatchRef(run_id=run.id, number=2, attempt=1, phase=Phase.PROBE, wave=0),
    )
    assert settled.finished is None


def test_the_last_batch_ends_the_run_and_says_so_once(stores: Stores) -> None:
    make_table(stores.rows, 4)
    run, (first, second) = begin(stores, reply_to="somebody")

    ends = [settle(stores, ref).finished for ref in (first, second, second)]

    done = Finished(run_id=run.id, reply_to="somebody", state=RunState.DONE)
    assert ends == [None, done, None]
    summary = stores.runs.summary(TENANT, run.id)
    assert (summary.state, summary.batches) == (RunState.DONE, {"done": 2})
    assert summary.finished_at is not None


def test_deferred_rows_are_a_batch_with_a_newer_stamp_that_waits_for_its_moment(
    stores: Stores,
) -> None:
    rows = make_table(stores.rows, 2)
    run, (ref,) = begin(stores)
    ready_at = datetime.now(UTC) + HOUR
    later = Deferred(rows=(rows[1],), ready_at=ready_at)

    settled = settle(stores, ref, replace(END, deferred=later))

    assert settled.finished is None
    assert settled.deferred is not None
    deferred, at = settled.deferred
    assert at == ready_at
    assert deferred.stamp > ref.stamp
    assert sweep(stores) == []
    assert rows_of(stores, [deferred]) == [["k2"]]
    assert settle(stores, deferred).finished is not None
    assert stores.runs.summary(TENANT, run.id).batches == {"done": 2}


def test_a_deferred_batch_sees_answers_of_the_first_but_not_its_not_yets(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    ref = begin(stores)[1][0]
    stores.runs.record(ref, [said(row, NotFound(), provider="whois"), said(row, Pending(NOW, "t"))])

    settled = settle(stores, ref, replace(END, deferred=Deferred(rows=(row,), ready_at=NOW)))

    assert settled.deferred is not None
    batch = stores.runs.open(settled.deferred[0], lease_s=60)
    assert batch is not None
    assert batch.responses == (by(ref, said(row, NotFound(), provider="whois")),)


def test_a_deferred_batch_knows_the_newest_token_of_what_is_worked_on(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    ref = begin(stores)[1][0]
    stores.runs.record(ref, [said(row, Pending(NOW, "t-1"), key="k"), said(row, Pending(NOW))])

    deferred = settle(stores, ref, replace(END, deferred=Deferred(rows=(row,), ready_at=NOW)))
    second = deferred.deferred[0] if deferred.deferred else ref
    stores.runs.record(second, [said(row, Pending(NOW, "t-2"), key="k")])

    batch = stores.runs.open(second, lease_s=60)
    assert batch is not None
    assert batch.tokens == {(row, "k"): "t-2"}


def test_a_deferred_batch_knows_how_often_its_rows_waited_for_money(stores: Stores) -> None:
    row, other = make_table(stores.rows, 2)
    ref = begin(stores)[1][0]
    for outcome in (Skipped(f"{OVER_BUDGET}: run", NOW), RateLimited(NOW), Skipped(OVER_BUDGET)):
        second = {"provider": "second"}
        stores.runs.record(ref, [said(row, outcome), said(row, outcome, **second)])
        stores.runs.record(ref, [said(other, RateLimited(NOW), key="other")])
        later = Deferred(rows=(row, other), ready_at=NOW)
        deferred = settle(stores, ref, replace(END, deferred=later)).deferred
        assert deferred is not None
        ref = deferred[0]

    batch = stores.runs.open(ref, lease_s=60)

    assert batch is not None
    assert batch.money_waits == {row: 1}


def test_a_batch_that_waits_for_its_moment_takes_no_place_of_its_run(stores: Stores) -> None:
    rows = make_table(stores.rows, 4)
    _, refs = begin(stores, in_flight=1)
    later = Deferred(rows=(rows[0],), ready_at=datetime.now(UTC) + HOUR)

    settled = settle(stores, refs[0], replace(END, deferred=later), in_flight=1)

    assert [ref.number for ref in settled.launched] == [2]


def test_a_deferred_batch_that_nobody_took_up_is_swept_after_its_moment(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    ref = begin(stores)[1][0]
    settled = settle(stores, ref, replace(END, deferred=Deferred(rows=(row,), ready_at=NOW)))

    assert settled.deferred is not None
    assert sweep(stores) == [replace(settled.deferred[0], attempt=3)]
