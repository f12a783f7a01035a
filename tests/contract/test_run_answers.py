"""Batches that are opened, and what is said about their rows, in memory and in PostgreSQL."""

from dataclasses import replace

import pytest

from enrich.domain.outcome import NotFound, Pending, RateLimited
from enrich.domain.run import Phase
from enrich.errors import UnknownNameError
from enrich.ports.rows import Removed
from tests.contract.conftest import Stores
from tests.contract.runs_world import NO_LEASE_S, begin, sweep
from tests.store_fixtures import NOW, TABLE, TENANT, by, make_table, said


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
