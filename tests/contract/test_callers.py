"""Callers that share a run: stored once, answered once, in memory as in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from enrich.domain.run import BatchRef, Phase, RunOptions
from enrich.errors import UnknownNameError
from enrich.ports import RowStore, RunStore, Settlement
from enrich.ports.callers import Caller, Callers, NewCalls, Shared
from enrich.store.callers import PostgresCallers
from enrich.store.callers_memory import MemoryCallers
from enrich.store.memory import MemoryDatabase, MemoryRowStore
from enrich.store.memory_runs import MemoryRunStore
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from tests.store_fixtures import TABLE, TENANT, make_table

_DONE = Settlement(writes=(), phase=Phase.DONE)


@dataclass(frozen=True, slots=True)
class Kept:
    """Callers, and the runs and rows beside them."""

    callers: Callers
    runs: RunStore
    rows: RowStore

    def store(self, *callers: Caller) -> Shared | None:
        looked = self.callers.look(TENANT, TABLE, [caller.row for caller in callers])
        new = NewCalls(
            tenant=TENANT,
            table_id=looked.table_id,
            wanted=("industry",),
            options=RunOptions(urgent=True),
            callers=[(caller, looked.rows[caller.row].id) for caller in callers],
        )
        return self.callers.store(new, lease_s=60.0)

    def end(self, run_id: int) -> None:
        ref = BatchRef(run_id=run_id, number=1, attempt=1, phase=Phase.PROBE)
        assert self.runs.settle(ref, _DONE, in_flight=1, lease_s=60.0).won

    def waiting(self, run_id: int) -> list[str]:
        return sorted(one.id for one in self.callers.waiting(run_id))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "memory":
        database = MemoryDatabase()
        made = Kept(MemoryCallers(database), MemoryRunStore(database), MemoryRowStore(database))
    else:
        engine = request.getfixturevalue("walled_engine")
        made = Kept(PostgresCallers(engine), PostgresRunStore(engine), PostgresRowStore(engine))
    make_table(made.rows, 3)
    return made


def callers(*numbers: int, row: str = "") -> Sequence[Caller]:
    return [Caller(id=f"c{number}", row=row or f"k{number}") for number in numbers]


def test_look_gives_columns_and_the_rows_that_are_there(kept: Kept) -> None:
    looked = kept.callers.look(TENANT, TABLE, ["k1", "nowhere"])

    assert [column.key for column in looked.columns][:2] == ["name", "industry"]
    assert list(looked.rows) == ["k1"]


def test_look_at_a_table_that_is_not_there_says_so(kept: Kept) -> None:
    with pytest.raises(UnknownNameError, match="there is no table 'nothing'"):
        kept.callers.look(TENANT, "nothing", ["k1"])


def test_look_sees_no_table_of_another_tenant(kept: Kept) -> None:
    with pytest.raises(UnknownNameError):
        kept.callers.look("stranger", TABLE, ["k1"])


def test_stored_run_is_one_batch_of_the_rows_under_a_lease(kept: Kept) -> None:
    shared = kept.store(*callers(1, 2))

    assert shared is not None
    ref = BatchRef(run_id=shared.run_id, number=1, attempt=1, phase=Phase.PROBE)
    opened = kept.runs.open(ref, lease_s=60.0)
    assert opened is not None
    assert [row.key for row in opened.rows] == ["k1", "k2"]
    assert opened.run.wanted == ("industry",)


def test_rows_of_several_callers_are_in_the_batch_once(kept: Kept) -> None:
    shared = kept.store(*callers(1, 2, row="k1"))

    assert shared is not None
    assert shared.ids == {"c1", "c2"}
    assert kept.runs.summary(TENANT, shared.run_id).rows == 1


def test_caller_who_is_stored_again_is_left_to_its_first_run(kept: Kept) -> None:
    first = kept.store(*callers(1))
    second = kept.store(*callers(1, 2))

    assert first is not None
    assert second is not None
    assert second.ids == {"c2"}
    assert kept.runs.summary(TENANT, second.run_id).rows == 1


def test_no_run_is_stored_for_callers_who_all_were_before(kept: Kept) -> None:
    kept.store(*callers(1))

    assert kept.store(*callers(1)) is None
    assert len(kept.runs.runs(TENANT)) == 1


def test_nobody_counts_as_waiting_while_the_row_is_worked_on(kept: Kept) -> None:
    shared = kept.store(*callers(1, 2))

    assert shared is not None
    assert kept.waiting(shared.run_id) == []
    kept.end(shared.run_id)
    assert kept.waiting(shared.run_id) == ["c1", "c2"]


def test_who_was_answered_waits_no_more(kept: Kept) -> None:
    shared = kept.store(*callers(1, 2))
    assert shared is not None
    kept.end(shared.run_id)

    kept.callers.answered(TENANT, ["c1"])

    assert kept.waiting(shared.run_id) == ["c2"]


def test_who_wants_no_answer_never_waits(kept: Kept) -> None:
    shared = kept.store(Caller(id="c1", row="k1", waits=False))
    assert shared is not None

    kept.end(shared.run_id)

    assert kept.waiting(shared.run_id) == []


def test_waiting_caller_is_told_with_all_that_its_answer_takes(kept: Kept) -> None:
    shared = kept.store(Caller(id="c1", row="k2", is_single=True))
    assert shared is not None
    kept.end(shared.run_id)

    (one,) = kept.callers.waiting(shared.run_id)

    assert (one.tenant, one.table, one.row) == (TENANT, TABLE, "k2")
    assert (one.columns, one.is_single, one.is_cancelled) == (("industry",), True, False)


def test_callers_of_a_cancelled_run_wait_for_being_told(kept: Kept) -> None:
    shared = kept.store(*callers(1))
    assert shared is not None

    kept.runs.cancel(TENANT, shared.run_id)

    assert [one.is_cancelled for one in kept.callers.waiting(shared.run_id)] == [True]


def test_caller_of_a_row_that_went_is_told_without_it(kept: Kept) -> None:
    shared = kept.store(*callers(1))
    assert shared is not None
    kept.rows.delete_row(TENANT, TABLE, "k1")
    kept.end(shared.run_id)

    assert [one.row for one in kept.callers.waiting(shared.run_id)] == [""]


def test_overdue_are_those_who_wait_in_any_run(kept: Kept) -> None:
    first, second = kept.store(*callers(1)), kept.store(*callers(2))
    assert first is not None
    assert second is not None
    kept.end(first.run_id)

    assert [one.id for one in kept.callers.overdue(older_than_s=-1.0)] == ["c1"]
    assert kept.callers.overdue(older_than_s=3600.0) == ()


def test_purge_forgets_only_who_was_answered_long_ago(kept: Kept) -> None:
    shared = kept.store(*callers(1, 2))
    assert shared is not None
    kept.end(shared.run_id)
    kept.callers.answered(TENANT, ["c1"])

    assert kept.callers.purge(older_than_s=3600.0) == 0
    assert kept.callers.purge(older_than_s=-1.0) == 1
    assert kept.waiting(shared.run_id) == ["c2"]
