"""Batches whose worker is gone are given out again; in memory and in PostgreSQL."""

from dataclasses import replace

import pytest

from enrich.domain.run import Phase, RunState
from enrich.ports import Finished, Settled, Settlement
from tests.contract.conftest import Stores
from tests.contract.runs_world import NO_LEASE_S, begin, settle, sweep
from tests.store_fixtures import TENANT, make_table


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


def test_what_is_queued_of_a_wave_of_the_dead_keeps_it_from_nobody(stores: Stores) -> None:
    make_table(stores.rows, 1)
    ref = begin(stores)[1][0]
    stores.named("mine").open(ref, lease_s=60)
    stores.runs.let_go("mine", is_lost=True)

    opened = stores.named("other").open(ref, lease_s=60)

    assert opened is None
    assert [one.number for one in sweep(stores)] == [ref.number]


def test_a_process_without_a_name_holds_nothing(stores: Stores) -> None:
    make_table(stores.rows, 1)
    ref = begin(stores)[1][0]
    stores.runs.open(ref, lease_s=60)

    assert stores.runs.let_go("", is_lost=True) == 0
    assert sweep(stores) == []
