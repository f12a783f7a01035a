"""Batches that a process has launched and died with before anybody opened them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enrich.domain.run import BatchRef, Phase
from enrich.ports import Deferred, Settlement
from enrich.ports.runs import MOST_UNOPENED
from tests.contract.conftest import Stores
from tests.contract.runs_world import END, NO_LEASE_S, begin, settle, sweep
from tests.store_fixtures import HOUR, TENANT, make_table
from tests.waiting import eventually

MINE = "mine"
ON = Settlement(writes=(), phase=Phase.PROBE, wave=1)


def in_hands(stores: Stores, holder: str = MINE) -> Stores:
    """Give the stores as a process of that name has them."""
    return replace(stores, runs=stores.named(holder))


def opened(stores: Stores, ref: BatchRef) -> BatchRef:
    assert stores.runs.open(ref, lease_s=60) is not None
    return ref


def created(stores: Stores) -> BatchRef:
    return begin(in_hands(stores), in_flight=1)[1][0]


def launched(stores: Stores) -> BatchRef:
    """Launch it at the end of another."""
    own, first = in_hands(stores), begin(stores, in_flight=1)[1][0]
    return settle(own, opened(own, first), in_flight=1).launched[0]


def moved_on(stores: Stores) -> BatchRef:
    """Have it opened, and moved on to its next wave."""
    own, ref = in_hands(stores), begin(stores, in_flight=1)[1][0]
    settle(own, opened(own, ref), ON)
    return replace(ref, wave=1)


def retried(stores: Stores) -> BatchRef:
    run, _ = begin(stores, in_flight=1, lease_s=NO_LEASE_S)
    sweep(stores, max_attempts=1)
    return stores.named(MINE).retry(TENANT, run.id, in_flight=1, lease_s=60)[0]


def put_off(stores: Stores, wait: timedelta = -timedelta(seconds=1)) -> BatchRef:
    """Have a row put off at the end of another, to a moment that has just passed."""
    own, ref = in_hands(stores), begin(stores, in_flight=1)[1][0]
    batch = own.runs.open(ref, lease_s=60)
    assert batch is not None
    later = Deferred(rows=(batch.rows[1].id,), ready_at=datetime.now(UTC) + wait)
    deferred = settle(own, ref, replace(END, deferred=later), in_flight=1).deferred
    assert deferred is not None
    return deferred[0]


@pytest.mark.parametrize("begun", [created, launched, moved_on, put_off, retried])
def test_what_a_dead_process_had_told_nobody_of_goes_on_at_once_and_is_no_loss(
    stores: Stores, begun: Callable[[Stores], BatchRef]
) -> None:
    make_table(stores.rows, 4)
    ref = begun(stores)

    held = stores.runs.let_go(MINE, is_lost=True)

    assert held == 1
    # A loss would park it: it may not have one.
    assert sweep(stores, max_attempts=1) == [replace(ref, attempt=ref.attempt + 2)]


def test_what_a_dead_process_had_swept_goes_on_at_once(stores: Stores) -> None:
    make_table(stores.rows, 2)
    begin(stores, lease_s=NO_LEASE_S)
    (ref,) = sweep(in_hands(stores), max_attempts=2)

    held = stores.runs.let_go(MINE, is_lost=True)

    assert held == 1
    assert sweep(stores, max_attempts=2) == [replace(ref, attempt=4)]


def test_messages_about_a_launch_of_the_dead_change_nothing(stores: Stores) -> None:
    make_table(stores.rows, 2)
    ref = created(stores)
    stores.runs.let_go(MINE, is_lost=True)

    assert stores.runs.open(ref, lease_s=60) is None
    assert not settle(stores, ref).won


def test_whoever_opens_a_batch_has_it_in_hands(stores: Stores) -> None:
    make_table(stores.rows, 2)
    ref = created(stores)
    opened(in_hands(stores, "other"), ref)

    assert stores.runs.let_go(MINE, is_lost=True) == 0
    assert stores.runs.let_go("other", is_lost=True) == 1
    assert sweep(stores, max_attempts=1) == []


def test_what_waits_for_its_moment_is_not_taken_up_before_it(stores: Stores) -> None:
    make_table(stores.rows, 2)
    ref = put_off(stores, HOUR)

    assert stores.runs.let_go(MINE, is_lost=True) == 1
    assert sweep(stores) == []
    # The message that was sent for it is still good.
    assert opened(stores, ref) == ref


def test_what_waits_for_its_moment_is_taken_up_then(stores: Stores) -> None:
    make_table(stores.rows, 2)
    ref = put_off(stores, timedelta(seconds=0.1))
    stores.runs.let_go(MINE, is_lost=True)
    swept: list[BatchRef] = []

    def is_taken() -> bool:
        swept.extend(sweep(stores, max_attempts=1))
        return bool(swept)

    assert eventually(is_taken)
    assert swept[0].number == ref.number


def test_a_batch_that_nobody_lives_to_open_is_left_to_its_lease(stores: Stores) -> None:
    make_table(stores.rows, 2)
    own = in_hands(stores)
    created(stores)

    passed = [
        (own.runs.let_go(MINE, is_lost=True), len(sweep(own))) for _ in range(MOST_UNOPENED + 1)
    ]

    assert passed == [(1, 1)] * MOST_UNOPENED + [(0, 0)]
