"""The run store, in memory and in PostgreSQL."""

from dataclasses import replace

import pytest

from enrich.domain.endings import Ending, endings_by_reason, endings_of
from enrich.domain.outcome import Skipped
from enrich.domain.run import CellFilter, Counts, Force, Phase, RunOptions, RunState
from enrich.domain.table import CellState, CellWrite
from enrich.errors import UnknownNameError
from enrich.ports import Selection, Settled
from tests.contract.conftest import Stores
from tests.contract.runs_world import (
    END,
    EVERYTHING,
    NO_LEASE_S,
    WANTED,
    begin,
    rows_of,
    settle,
    sweep,
)
from tests.store_fixtures import (
    COLUMNS,
    HOUR,
    NOW,
    TABLE,
    TENANT,
    ended,
    filled,
    make_table,
    provenance,
    said,
)


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
