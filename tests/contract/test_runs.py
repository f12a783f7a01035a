"""The run store, in memory and in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enrich.domain.endings import Ending, endings_by_reason, endings_of
from enrich.domain.outcome import OVER_BUDGET, NotFound, Pending, RateLimited, Skipped
from enrich.domain.run import (
    BatchRef,
    CellFilter,
    Counts,
    Force,
    Phase,
    RunOptions,
    RunState,
    RunView,
)
from enrich.domain.table import CellState, CellWrite
from enrich.errors import UnknownNameError
from enrich.ports import Deferred, Finished, NewRun, Selection, Settled, Settlement, WriteReport
from enrich.ports.rows import Removed
from tests.contract.conftest import Stores
from tests.store_fixtures import (
    COLUMNS,
    HOUR,
    NOW,
    TABLE,
    TENANT,
    by,
    ended,
    filled,
    make_table,
    provenance,
    said,
)

WANTED = ("industry", "city")
END = Settlement(writes=(), phase=Phase.DONE)
EVERYTHING = Selection()
#: A lease that has run out the moment it is given.
NO_LEASE_S = -1.0


def begin(
    stores: Stores,
    *,
    selection: Selection = EVERYTHING,
    batch_rows: int = 2,
    in_flight: int = 9,
    lease_s: float = 60,
    wanted: Sequence[str] = WANTED,
    tenant: str = TENANT,
    options: RunOptions | None = None,
    reply_to: str = "",
) -> tuple[RunView, tuple[BatchRef, ...]]:
    new = NewRun(
        tenant=tenant,
        table=TABLE,
        wanted=tuple(wanted),
        selection=selection,
        options=options or RunOptions(),
        batch_rows=batch_rows,
        reply_to=reply_to,
    )
    return stores.runs.create(new, in_flight=in_flight, lease_s=lease_s)


def settle(
    stores: Stores, ref: BatchRef, settlement: Settlement = END, *, in_flight: int = 9
) -> Settled:
    return stores.runs.settle(ref, settlement, in_flight=in_flight, lease_s=60)


def sweep(stores: Stores, *, max_attempts: int = 3, lease_s: float = 60) -> Sequence[BatchRef]:
    swept = stores.runs.sweep(lease_s=lease_s, max_attempts=max_attempts)
    return [ref for _, ref in swept.due]


def rows_of(stores: Stores, refs: Sequence[BatchRef]) -> list[list[str]]:
    opened = [stores.runs.open(ref, lease_s=60) for ref in refs]
    return [[row.key for row in batch.rows] for batch in opened if batch is not None]


# create


def test_a_run_is_cut_into_batches_and_the_first_are_given_out(stores: Stores) -> None:
    make_table(stores.rows, 5)

    run, refs = begin(stores, in_flight=2)

    assert (run.state, run.wanted, run.columns) == (RunState.RUNNING, WANTED, COLUMNS)
    assert [(ref.number, ref.attempt, ref.phase, ref.wave) for ref in refs] == [
        (1, 1, Phase.PROBE, 0),
        (2, 1, Phase.PROBE, 0),
    ]
    assert rows_of(stores, refs) == [["k1", "k2"], ["k3", "k4"]]
    summary = stores.runs.summary(TENANT, run.id)
    assert (summary.rows, summary.batches) == (5, {"probe": 2, "queued": 1})


def test_a_run_without_rows_is_done_at_once(stores: Stores) -> None:
    make_table(stores.rows)

    run, refs = begin(stores)

    assert (run.state, refs) == (RunState.DONE, ())
    assert stores.runs.summary(TENANT, run.id).finished_at is not None


def test_runs_are_numbered_upwards(stores: Stores) -> None:
    make_table(stores.rows, 1)

    assert begin(stores)[0].id < begin(stores)[0].id


@pytest.mark.parametrize(
    ("what", "selection", "wanted"),
    [
        (f"row 'k9' in table '{TABLE}'", Selection(keys=("k1", "k9")), WANTED),
        (f"column 'town' in table '{TABLE}'", EVERYTHING, ("town",)),
    ],
    ids=["row", "column"],
)
def test_a_run_over_an_unknown_name_is_refused_and_not_stored(
    stores: Stores, what: str, selection: Selection, wanted: tuple[str, ...]
) -> None:
    make_table(stores.rows, 1)

    with pytest.raises(UnknownNameError, match=what):
        begin(stores, selection=selection, wanted=wanted)
    assert stores.runs.runs(TENANT) == ()


def test_a_run_over_another_tenants_table_is_refused(stores: Stores) -> None:
    make_table(stores.rows, 1)

    with pytest.raises(UnknownNameError, match="table"):
        begin(stores, tenant="other")


def test_a_run_keeps_its_options(stores: Stores) -> None:
    make_table(stores.rows, 1)
    where = CellFilter(states=frozenset({"failed", "empty"}), observed_before=NOW)
    options = RunOptions(force=Force.NEGATIVES, max_cost_microcredits=7, where=where)

    run, refs = begin(stores, options=options)

    batch = stores.runs.open(refs[0], lease_s=60)
    assert run.options == options
    assert batch is not None
    assert batch.run == run
    assert stores.runs.summary(TENANT, run.id).max_cost_microcredits == 7


@pytest.mark.parametrize(
    ("selection", "keys"),
    [
        (EVERYTHING, ["k1", "k2", "k3", "k4", "k5", "k6"]),
        (Selection(keys=("k5", "k2", "k2")), ["k2", "k5"]),
        (Selection(keys=()), []),
        (Selection(states=frozenset({"empty"})), ["k1", "k6"]),
        (Selection(states=frozenset({"failed"})), ["k3"]),
        (Selection(states=frozenset({"failed", "empty"})), ["k1", "k3", "k6"]),
        (Selection(states=frozenset({"filled"})), ["k2", "k4"]),
        (Selection(observed_before=NOW), []),
        (Selection(observed_before=NOW + HOUR), ["k2", "k4"]),
        (Selection(confidence_below=0.9), []),
        (Selection(confidence_below=0.91), ["k2", "k4"]),
        (Selection(keys=("k3", "k4"), states=frozenset({"filled", "failed"})), ["k3", "k4"]),
    ],
    ids=[
        "all",
        "keys",
        "no keys",
        "empty",
        "failed",
        "failed or empty",
        "filled",
        "not stale",
        "stale",
        "sure",
        "low confidence",
        "keys and states",
    ],
)
def test_a_selection_takes_the_rows_where_a_wanted_cell_matches(
    stores: Stores, selection: Selection, keys: list[str]
) -> None:
    rows = make_table(stores.rows, 6)
    stores.rows.write_cells(
        TENANT,
        TABLE,
        [
            filled(rows[1], "industry", "Tools", 10**6),
            ended(rows[2], "industry", CellState.FAILED, 10**6),
            filled(rows[3], "industry", "Tools", 10**6),
            # Of another column, which is not wanted.
            ended(rows[0], "city", CellState.FAILED, 10**6),
        ],
    )
    stores.rows.type_value(TENANT, TABLE, "k5", "industry", "Typed")
    stores.rows.type_value(TENANT, TABLE, "k6", "industry", "Typed")
    stores.rows.type_value(TENANT, TABLE, "k6", "industry", None)

    refs = begin(stores, selection=selection, wanted=("industry",), batch_rows=9)[1]

    assert [key for batch in rows_of(stores, refs) for key in batch] == keys


# open and record


def test_an_opened_batch_holds_its_rows_and_what_was_said(stores: Stores) -> None:
    rows = make_table(stores.rows, 3)
    run, (first, second) = begin(stores)
    responses = [said(rows[0]), said(rows[1], NotFound(), provider="whois")]
    stores.runs.record(first, responses)
    stores.runs.record(second, [said(rows[2])])

    batch = stores.runs.open(first, lease_s=60)

    assert batch is not None
    assert (batch.ref, batch.run) == (first, run)
    assert [row.id for row in batch.rows] == rows[:2]
    assert list(batch.responses) == [by(first, response) for response in responses]


@pytest.mark.parametrize(
    "changes",
    [{"attempt": 2}, {"phase": Phase.PREMIUM}, {"wave": 1}, {"number": 7}, {"run_id": 10**9}],
    ids=["attempt", "phase", "wave", "number", "run"],
)
def test_a_batch_that_is_elsewhere_is_not_opened(
    stores: Stores, changes: dict[str, object]
) -> None:
    make_table(stores.rows, 1)
    ref = begin(stores)[1][0]

    assert stores.runs.open(replace(ref, **changes), lease_s=60) is None  # type: ignore[arg-type]


def test_opening_renews_the_lease(stores: Stores) -> None:
    make_table(stores.rows, 1)
    ref = begin(stores, lease_s=NO_LEASE_S)[1][0]

    stores.runs.open(ref, lease_s=60)

    assert sweep(stores) == []


def test_a_response_that_is_there_already_is_kept(stores: Stores) -> None:
    rows = make_table(stores.rows, 2)
    ref = begin(stores)[1][0]

    new = [
        stores.runs.record(ref, [said(rows[0])]),
        stores.runs.record(ref, [said(rows[0], NotFound()), said(rows[1])]),
        stores.runs.record(ref, []),
    ]

    batch = stores.runs.open(ref, lease_s=60)
    assert new == [1, 1, 0]
    assert batch is not None
    assert list(batch.responses) == [by(ref, said(rows[0])), by(ref, said(rows[1]))]


def test_an_answer_may_follow_a_not_yet(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    ref = begin(stores)[1][0]
    stores.runs.record(ref, [said(row, Pending(NOW, "t"))])

    assert stores.runs.record(ref, [said(row)]) == 1

    batch = stores.runs.open(ref, lease_s=60)
    assert batch is not None
    assert batch.responses == (by(ref, said(row)),)


def test_a_not_yet_after_the_answer_does_not_hide_it(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    ref = begin(stores)[1][0]

    stores.runs.record(ref, [said(row)])
    stores.runs.record(ref, [said(row, RateLimited(NOW))])

    batch = stores.runs.open(ref, lease_s=60)
    assert batch is not None
    assert batch.responses == (by(ref, said(row)),)


def test_what_is_said_about_a_deleted_row_is_not_kept(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    ref = begin(stores)[1][0]
    stores.rows.delete_row(TENANT, TABLE, "k1")

    assert stores.runs.record(ref, [said(row)]) == 0


def test_evidence_tells_the_newest_first_with_its_run(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    (first,), (second,) = [begin(stores)[1] for _ in range(2)]
    stores.runs.record(first, [said(row)])
    stores.runs.record(second, [said(row, NotFound())])

    evidence = stores.runs.evidence(TENANT, TABLE, "k1")

    assert evidence == (
        (second.run_id, by(second, said(row, NotFound()))),
        (first.run_id, by(first, said(row))),
    )


def test_deleting_a_row_deletes_what_was_said_about_it(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    stores.runs.record(begin(stores)[1][0], [said(row)])

    removed = stores.rows.delete_row(TENANT, TABLE, "k1")

    assert removed == Removed(answers=1, questions=("q",))
    with pytest.raises(UnknownNameError, match=f"row 'k1' in table '{TABLE}'"):
        stores.runs.evidence(TENANT, TABLE, "k1")


# settle


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


# sweep


def test_a_batch_whose_lease_ran_out_is_given_out_under_a_new_attempt(stores: Stores) -> None:
    make_table(stores.rows, 1)
    run, (ref,) = begin(stores, lease_s=NO_LEASE_S)

    swept = stores.runs.sweep(lease_s=60, max_attempts=3)

    assert swept.due == ((run, replace(ref, attempt=2)),)
    assert stores.runs.open(ref, lease_s=60) is None
    assert settle(stores, ref) == Settled(won=False)
    assert settle(stores, replace(ref, attempt=2)).won


def test_a_batch_is_swept_in_the_phase_where_it_was(stores: Stores) -> None:
    make_table(stores.rows, 1)
    ref = begin(stores)[1][0]
    stores.runs.settle(
        ref, Settlement(writes=(), phase=Phase.PREMIUM, wave=2), in_flight=9, lease_s=NO_LEASE_S
    )

    assert sweep(stores) == [replace(ref, attempt=2, phase=Phase.PREMIUM, wave=2)]


def test_a_batch_under_a_lease_is_left_alone(stores: Stores) -> None:
    make_table(stores.rows, 1)
    begin(stores)

    assert sweep(stores) == []


def test_a_batch_past_its_attempts_is_parked_and_the_run_ends(stores: Stores) -> None:
    make_table(stores.rows, 1)
    run, _ = begin(stores, reply_to="somebody", lease_s=NO_LEASE_S)
    stores.runs.sweep(lease_s=NO_LEASE_S, max_attempts=2)

    swept = stores.runs.sweep(lease_s=60, max_attempts=2)

    assert (swept.due, swept.parked) == ((), 1)
    assert swept.finished == (Finished(run_id=run.id, reply_to="somebody", state=RunState.DONE),)
    summary = stores.runs.summary(TENANT, run.id)
    assert (summary.state, summary.batches) == (RunState.DONE, {"parked": 1})
    assert summary.parked_reasons == ("its lease ran out 2 times, last in probe",)


def test_a_run_with_nothing_in_flight_goes_on_with_its_next_batch(stores: Stores) -> None:
    make_table(stores.rows, 6)
    begin(stores, in_flight=0)

    assert [ref.number for ref in sweep(stores)] == [1]
    assert sweep(stores) == []


def test_a_sweep_takes_no_more_than_its_limit(stores: Stores) -> None:
    make_table(stores.rows, 6)
    begin(stores, lease_s=NO_LEASE_S)

    swept = [len(stores.runs.sweep(lease_s=60, max_attempts=3, limit=2).due) for _ in range(3)]

    assert swept == [2, 1, 0]


@pytest.mark.parametrize(
    ("is_lost", "parked"), [pytest.param(True, 1, id="died"), pytest.param(False, 0, id="left")]
)
def test_what_a_process_held_goes_to_the_next_at_once(
    stores: Stores, is_lost: bool, parked: int
) -> None:
    make_table(stores.rows, 6)
    _, refs = begin(stores)
    stores.named("mine").open(refs[0], lease_s=60)
    stores.named("other").open(refs[1], lease_s=60)

    held = stores.runs.let_go("mine", is_lost=is_lost)

    assert held == 1
    swept = stores.runs.sweep(lease_s=60, max_attempts=1)
    assert (len(swept.due), swept.parked) == (1 - parked, parked)
    assert stores.runs.open(refs[0], lease_s=60) is None
    assert stores.runs.open(refs[1], lease_s=60) is not None


def test_a_process_without_a_name_holds_nothing(stores: Stores) -> None:
    make_table(stores.rows, 1)
    ref = begin(stores)[1][0]
    stores.runs.open(ref, lease_s=60)

    assert stores.runs.let_go("", is_lost=True) == 0
    assert sweep(stores) == []


# cancel and retry


def test_a_cancelled_run_ends_its_batches_and_late_results_change_nothing(stores: Stores) -> None:
    row = make_table(stores.rows, 4)[0]
    run, (ref, _) = begin(stores)

    assert [stores.runs.cancel(TENANT, run.id) for _ in range(2)] == [True, False]

    late = replace(END, writes=(filled(row, "city", "Bern", run.id),))
    assert stores.runs.open(ref, lease_s=60) is None
    assert settle(stores, ref, late) == Settled(won=False)
    assert sweep(stores) == []
    summary = stores.runs.summary(TENANT, run.id)
    assert (summary.state, summary.batches) == (RunState.CANCELLED, {"cancelled": 2})


def test_a_run_that_is_done_cannot_be_cancelled(stores: Stores) -> None:
    make_table(stores.rows, 1)
    run, (ref,) = begin(stores)
    settle(stores, ref)

    assert not stores.runs.cancel(TENANT, run.id)
    assert stores.runs.summary(TENANT, run.id).state is RunState.DONE


def test_parked_batches_are_taken_up_again_under_a_newer_attempt(stores: Stores) -> None:
    make_table(stores.rows, 1)
    run, (ref,) = begin(stores, lease_s=NO_LEASE_S)
    stores.runs.sweep(lease_s=60, max_attempts=1)

    refs = stores.runs.retry(TENANT, run.id, in_flight=9, lease_s=NO_LEASE_S)

    assert refs == (replace(ref, attempt=3),)
    assert stores.runs.summary(TENANT, run.id).state is RunState.RUNNING
    assert sweep(stores, max_attempts=2) == [replace(ref, attempt=4)]
    assert settle(stores, replace(ref, attempt=4)).finished is not None


def test_there_is_nothing_to_retry_in_a_run_that_went_well(stores: Stores) -> None:
    make_table(stores.rows, 1)
    run, (ref,) = begin(stores)
    settle(stores, ref)

    assert stores.runs.retry(TENANT, run.id, in_flight=9, lease_s=60) == ()


# summaries


def test_runs_are_listed_newest_first_for_their_tenant_only(stores: Stores) -> None:
    make_table(stores.rows, 1)
    make_table(stores.rows, 1, tenant="other")
    ids = [begin(stores)[0].id for _ in range(3)]
    begin(stores, tenant="other")

    assert [summary.id for summary in stores.runs.runs(TENANT, limit=2)] == ids[:0:-1]
    assert [summary.id for summary in stores.runs.runs(TENANT, before=ids[2])] == ids[1::-1]


@pytest.mark.parametrize("ask", ["summary", "cancel"])
def test_another_tenants_run_is_unknown(stores: Stores, ask: str) -> None:
    make_table(stores.rows, 1)
    run, _ = begin(stores)

    with pytest.raises(UnknownNameError, match="run"):
        getattr(stores.runs, ask)("other", run.id)


def test_a_batch_opened_for_one_provider_holds_what_that_one_said(stores: Stores) -> None:
    rows = make_table(stores.rows, 1)
    _, (ref,) = begin(stores)
    stores.runs.record(ref, [said(rows[0]), said(rows[0], provider="whois")])

    batch = stores.runs.open(ref, lease_s=60, provider="whois")

    assert batch is not None
    assert [response.provider for response in batch.responses] == ["whois"]


def test_a_request_that_comes_twice_is_one_run(stores: Stores) -> None:
    make_table(stores.rows, 1)
    first, refs = begin(stores, reply_to="somebody")

    again, none = begin(stores, reply_to="somebody")

    assert (again.id, len(refs), none) == (first.id, 1, ())


def test_a_run_that_has_ended_is_told_again(stores: Stores) -> None:
    make_table(stores.rows, 1)
    run, (ref,) = begin(stores)
    assert stores.runs.ended(run.id) is None

    settled = settle(stores, ref)

    assert stores.runs.ended(run.id) == settled.finished


def test_a_run_names_whom_it_did_not_ask_for_a_reason(stores: Stores) -> None:
    rows = make_table(stores.rows, 2)
    run, (ref,) = begin(stores)
    keyless, late = Skipped("no credential"), Skipped("deadline")
    stores.runs.record(ref, [said(row, keyless, provider="hunter") for row in rows])
    stores.runs.record(ref, [said(rows[0], late, provider="apollo"), said(rows[1])])

    assert stores.runs.skipped(TENANT, run.id, "no credential") == ("hunter",)
    assert stores.runs.skipped("other", run.id, "no credential") == ()
    assert stores.runs.skipped(TENANT, run.id + 1, "no credential") == ()


def test_a_run_keeps_why_cells_are_empty_whoever_writes_them_later(stores: Stores) -> None:
    first, second = make_table(stores.rows, 2)
    run, (ref,) = begin(stores)
    why = replace(provenance(run.id, state=CellState.FAILED), reason="whois: gone (HTTP 410: x)")
    failed = [(first, "industry"), (first, "city"), (second, "industry")]
    writes = [CellWrite(row=row, column=column, provenance=why) for row, column in failed]
    counts = Counts(failed=3, endings=endings_by_reason(writes))
    settle(stores, ref, replace(END, writes=tuple(writes), counts=counts))
    before = stores.runs.summary(TENANT, run.id).counts

    later, (ref,) = begin(stores)
    settle(stores, ref, replace(END, writes=(filled(first, "city", "Bern", later.id),)))

    after = stores.runs.summary(TENANT, run.id).counts
    assert after == before
    assert endings_of(after) == (
        Ending(state=CellState.FAILED, reason="whois: gone (HTTP 410: x)", cells=3),
    )
