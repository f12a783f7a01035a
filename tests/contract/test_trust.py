"""One suite for what keeps trust and labels: in memory and in PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from enrich.domain.fusion import FieldTrust, Tally, TrustState
from enrich.domain.outcome import Found, NotFound
from enrich.domain.run import RunOptions
from enrich.domain.values import Observation
from enrich.errors import UnknownNameError
from enrich.ports import NewRun, RowStore, RunStore, Selection
from enrich.ports.trust import Label, LabelKind, TrustStore
from enrich.store.memory import MemoryDatabase, MemoryRowStore
from enrich.store.memory_runs import MemoryRunStore
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from enrich.store.trust import PostgresTrustStore
from enrich.store.trust_memory import MemoryTrustStore
from tests.store_fixtures import TABLE, TENANT, make_table, said

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_OPTIONS = RunOptions()
STATE = TrustState(
    fields={
        "city": FieldTrust(
            tallies={"a": Tally(3.5, 1.0)},
            shifts={"a": 0.1},
            none=-1.25,
            knots=((0.5, 0.4), (0.9, 0.95)),
            confusion={"a": {"x": {"x": -0.1, "y": -2.5}}},
            priors={"x": -0.5, "y": -1.0},
        )
    },
    providers={"a": Tally(3.5, 1.0)},
    bins={"a": (0.0, 0.5)},
    families={"b": "a"},
    labels=4.5,
    cells=7,
)
Stores = tuple[TrustStore, RowStore, RunStore]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def stores(request: pytest.FixtureRequest) -> Stores:
    """The store, and those of the rows and runs that it speaks of."""
    if request.param == "memory":
        database = MemoryDatabase()
        return MemoryTrustStore(database), MemoryRowStore(database), MemoryRunStore(database)
    engine: Engine = request.getfixturevalue("walled_engine")
    return PostgresTrustStore(engine), PostgresRowStore(engine), PostgresRunStore(engine)


def label(row: int, *, column: str = "city", is_right: bool = True) -> Label:
    return Label(row=row, column=column, value="Zug", is_right=is_right, at=AT, actor="ann")


def test_before_anything_is_learned_version_0_knows_nothing(stores: Stores) -> None:
    trust, _, _ = stores

    assert trust.newest(TENANT) == TrustState() == trust.version(TENANT, 0)


def test_a_saved_state_comes_back_as_it_was(stores: Stores) -> None:
    trust, _, _ = stores

    saved = trust.save(TENANT, STATE, reason="test")

    assert saved == replace(STATE, version=1)
    assert trust.newest(TENANT) == saved


def test_every_version_stays(stores: Stores) -> None:
    trust, _, _ = stores
    trust.save(TENANT, STATE, reason="first")
    trust.save(TENANT, replace(STATE, labels=9.0), reason="second")

    assert trust.version(TENANT, 1).labels == 4.5
    assert [(note.version, note.reason, note.labels) for note in trust.history(TENANT)] == [
        (2, "second", 9.0),
        (1, "first", 4.5),
    ]


def test_one_tenant_learns_nothing_of_another(stores: Stores) -> None:
    trust, _, _ = stores
    trust.save(TENANT, STATE, reason="mine")

    assert trust.newest("other").version == 0


def test_a_version_that_was_never_saved_is_unknown(stores: Stores) -> None:
    trust, _, _ = stores

    with pytest.raises(UnknownNameError, match="version of trust '3'"):
        trust.version(TENANT, 3)


def test_labels_come_back_in_their_order(stores: Stores) -> None:
    trust, rows, _ = stores
    first, second = make_table(rows, 2)
    given = (
        label(second),
        replace(label(first, is_right=False), kind=LabelKind.VERIFICATION, value=[1, "x"]),
    )

    assert trust.label(TENANT, TABLE, given) == 2
    assert trust.labels(TENANT, TABLE) == given


def test_a_label_of_a_row_that_is_gone_goes_with_it(stores: Stores) -> None:
    trust, rows, _ = stores
    first, second = make_table(rows, 2)
    trust.label(TENANT, TABLE, [label(first), label(second), label(99_999)])

    rows.delete_row(TENANT, TABLE, "k1")

    assert trust.labels(TENANT, TABLE) == (label(second),)


def test_a_label_of_an_unknown_column_is_refused(stores: Stores) -> None:
    trust, rows, _ = stores
    (row,) = make_table(rows, 1)

    with pytest.raises(UnknownNameError, match="column"):
        trust.label(TENANT, TABLE, [label(row, column="nope")])


def test_what_was_said_comes_oldest_first_and_of_the_rows_asked_for(stores: Stores) -> None:
    trust, rows, runs = stores
    first, second = make_table(rows, 2)
    new = NewRun(
        tenant=TENANT, table=TABLE, wanted=("city",), selection=Selection(), options=_OPTIONS,
        batch_rows=10,
    )  # fmt: skip
    run, (ref,) = runs.create(new, in_flight=1, lease_s=60)
    runs.record(ref, [said(first, key="q1"), said(second, key="q2")])
    runs.record(ref, [said(first, key="q3")])

    heard = trust.heard(TENANT, TABLE, [first])

    assert [(number, one.input_key) for number, one in heard] == [(run.id, "q1"), (run.id, "q3")]
    assert trust.tenants() == (TENANT,)


def test_habits_say_who_knew_what_how_surely_and_how_fast_it_ages(stores: Stores) -> None:
    trust, rows, runs = stores
    first, second = make_table(rows, 2)
    new = NewRun(
        tenant=TENANT, table=TABLE, wanted=("industry",), selection=Selection(), options=_OPTIONS,
        batch_rows=10,
    )  # fmt: skip
    _, (ref,) = runs.create(new, in_flight=1, lease_s=60)
    known = replace(said(first, key="q1"), latency_s=1.0)
    later = replace(
        said(first, Found({"industry": Observation(value="Tea", confidence=0.55)}), key="q3"),
        observed_at=known.observed_at + timedelta(days=365.25 / 2),
        latency_s=3.0,
    )
    unknown = replace(said(second, NotFound(), key="q2"), latency_s=2.0)
    runs.record(ref, [known, unknown, later])

    habits = trust.habits(TENANT, half_life_s=1e15)

    habit = habits.habit("industry", "opencorp")
    assert (habit.asked, habit.found) == pytest.approx((3.0, 2.0), abs=1e-4)
    assert habit.bins == pytest.approx((0, 1, 0, 0, 0, 1, 0, 0), abs=1e-4)
    assert habits.latency_s["opencorp"] == pytest.approx(2.0, abs=1e-4)
    assert (habits.age("industry").changes, habits.age("industry").years) == pytest.approx(
        (1.0, 0.5), abs=1e-4
    )
    assert trust.habits("other", half_life_s=1e15).answers == {}
