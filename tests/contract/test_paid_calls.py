"""The ledger of paid calls, in memory and in PostgreSQL."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from enrich.domain.outcome import NotFound, Outcome, RateLimited, Unavailable
from enrich.domain.paid import Asked, Booking, CallEnd, CallState, Ruling, Scope, Verdict
from enrich.domain.provider import ProviderSpec
from enrich.domain.rate import RateLimit
from enrich.domain.run import RunOptions, RunView
from enrich.errors import UnknownNameError
from enrich.ports import NewRun, Selection
from tests.contract.conftest import Stores
from tests.store_fixtures import NOW, TABLE, TENANT, make_table
from tests.unit.batches import spec

ONE_LANE = spec("paid", "domain", "industry", price=100)
KEYS = ("q1", "q2", "q3")
#: A reservation that is over the moment it is given.
OVER_S = -1.0


def begin(stores: Stores) -> RunView:
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=("industry",),
        selection=Selection(),
        options=RunOptions(),
        batch_rows=9,
    )
    return stores.runs.create(new, in_flight=9, lease_s=60)[0]


def reserve(
    stores: Stores,
    run: RunView,
    *keys: str,
    holder: str = "one",
    hold_s: float = 60,
    parks: bool = False,
    asked: ProviderSpec = ONE_LANE,
    row: str = "k1",
) -> Mapping[str, Booking]:
    (known,) = stores.rows.read(TENANT, TABLE, [row])
    questions = {key: Asked(row=known.id, price_microcredits=100) for key in keys or ("q1",)}
    return stores.paid.reserve(run, asked, questions, holder=holder, hold_s=hold_s, parks=parks)


def end(outcome: Outcome | None = None, *, cost: int = 100) -> CallEnd:
    return CallEnd(
        outcome=outcome or NotFound(), observed_at=NOW, cost_microcredits=cost, latency_s=0.5
    )


def verdict(bookings: Mapping[str, Booking], key: str = "q1") -> Verdict:
    return bookings[key].verdict


@pytest.fixture
def run(stores: Stores) -> RunView:
    make_table(stores.rows, 1)
    return begin(stores)


def test_a_question_is_reserved_once(stores: Stores, run: RunView) -> None:
    first = reserve(stores, run, *KEYS)
    second = reserve(stores, run, *KEYS, holder="two")

    assert [first[key].verdict for key in KEYS] == [Verdict.OURS] * 3
    assert [second[key].verdict for key in KEYS] == [Verdict.HELD] * 3
    assert {key: first[key].key for key in KEYS} == {key: second[key].key for key in KEYS}


def test_an_answer_is_found_by_whoever_asks_again_in_the_same_run(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run)
    stores.paid.note(TENANT, "one", ended={"q1": end()})

    again = reserve(stores, run, holder="two")

    assert again["q1"].verdict is Verdict.KNOWN
    assert again["q1"].end == end()


def test_what_was_answered_before_a_run_began_is_another_call_for_it(
    stores: Stores, run: RunView
) -> None:
    first = reserve(stores, run)
    stores.paid.note(TENANT, "one", ended={"q1": end()})

    later = reserve(stores, begin(stores), holder="two")

    assert verdict(later) is Verdict.OURS
    assert later["q1"].key != first["q1"].key


def test_what_is_answered_while_another_run_is_under_way_serves_it_too(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run)
    other = begin(stores)
    assert verdict(reserve(stores, other, holder="two")) is Verdict.HELD
    stores.paid.note(TENANT, "one", ended={"q1": end()})

    assert verdict(reserve(stores, other, holder="two")) is Verdict.KNOWN


@pytest.mark.parametrize(
    ("outcome", "same_run", "next_run"),
    [
        (Unavailable("timed out"), Verdict.KNOWN, Verdict.OURS),
        (RateLimited(NOW), Verdict.OURS, Verdict.OURS),
    ],
    ids=["failed", "not asked after all"],
)
def test_a_call_without_an_answer_is_made_again_under_its_own_key(
    stores: Stores, run: RunView, outcome: Outcome, same_run: Verdict, next_run: Verdict
) -> None:
    first = reserve(stores, run)
    stores.paid.note(TENANT, "one", ended={"q1": end(outcome, cost=0)})
    assert verdict(reserve(stores, run, hold_s=OVER_S)) is same_run

    again = reserve(stores, begin(stores), holder="two")

    assert verdict(again) in {next_run, Verdict.DOUBTFUL}
    assert again["q1"].key == first["q1"].key


@pytest.mark.parametrize(
    ("ruling", "then"),
    [(Ruling.PAID, Verdict.PARKED), (Ruling.NOT_PAID, Verdict.OURS)],
    ids=["paid", "not paid"],
)
def test_a_call_whose_holder_cannot_tell_what_came_of_it_waits_for_a_person(
    stores: Stores, run: RunView, ruling: Ruling, then: Verdict
) -> None:
    name = reserve(stores, run)["q1"].key
    stores.paid.note(TENANT, "one", ended={"q1": replace(end(cost=0), is_parked=True)})

    assert verdict(reserve(stores, run, holder="two")) is Verdict.PARKED
    assert [each.key for each in stores.paid.doubts(TENANT, unsettled=True)] == [name]

    stores.paid.settle(TENANT, name, ruling)
    assert verdict(reserve(stores, run, holder="two")) is then


def test_a_reservation_that_was_given_up_is_taken_and_counted_as_a_doubt(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run, hold_s=OVER_S)

    taken = reserve(stores, run, holder="two")

    assert verdict(taken) is Verdict.DOUBTFUL
    assert [(doubt.key, doubt.doubts) for doubt in stores.paid.doubts(TENANT)] == [
        (taken["q1"].key, 1)
    ]


def test_a_question_that_was_not_yet_begun_leaves_no_doubt(stores: Stores, run: RunView) -> None:
    narrow = ProviderSpec(
        name="narrow", version="1", tier=ONE_LANE.tier, gives=ONE_LANE.gives,
        inputs=ONE_LANE.inputs, price_microcredits=100, max_concurrent=1,
    )  # fmt: skip
    reserve(stores, run, "q1", "q2", hold_s=OVER_S, asked=narrow)

    taken = reserve(stores, run, "q1", "q2", holder="two", asked=narrow)

    assert (verdict(taken, "q1"), verdict(taken, "q2")) == (Verdict.DOUBTFUL, Verdict.OURS)


def test_nothing_has_begun_with_its_reservation_where_a_limit_makes_calls_wait(
    stores: Stores, run: RunView
) -> None:
    limited = replace(ONE_LANE, limits=(RateLimit(1, 60.0),))
    reserve(stores, run, hold_s=OVER_S, asked=limited)

    taken = reserve(stores, run, holder="two", asked=limited)

    assert verdict(taken) is Verdict.OURS


def test_a_doubt_is_taken_back_by_its_holder_alone(stores: Stores, run: RunView) -> None:
    reserve(stores, run, hold_s=OVER_S)
    reserve(stores, run, holder="two")

    stores.paid.resolve(TENANT, "one", ["q1"])
    before = stores.paid.doubts(TENANT)
    stores.paid.resolve(TENANT, "two", ["q1"])

    assert ([doubt.doubts for doubt in before], stores.paid.doubts(TENANT)) == ([1], ())


def test_the_doubts_of_one_request_are_one_call(stores: Stores, run: RunView) -> None:
    bulk = replace(ONE_LANE, bulk_size=2)
    reserve(stores, run, *KEYS, hold_s=OVER_S, asked=bulk)

    reserve(stores, run, *KEYS, holder="two", asked=bulk)

    calls = {doubt.key.rpartition("-")[0]: doubt.call for doubt in stores.paid.doubts(TENANT)}
    assert calls == {"q1": "two/0", "q2": "two/0", "q3": "two/1"}


def test_a_question_that_was_begun_later_is_in_doubt_too(stores: Stores, run: RunView) -> None:
    narrow = ProviderSpec(
        name="narrow", version="1", tier=ONE_LANE.tier, gives=ONE_LANE.gives,
        inputs=ONE_LANE.inputs, price_microcredits=100, max_concurrent=1,
    )  # fmt: skip
    reserve(stores, run, "q1", "q2", hold_s=OVER_S, asked=narrow)
    stores.paid.note(TENANT, "one", begun=["q2"], ended={"q1": end()})

    taken = reserve(stores, run, "q1", "q2", holder="two", asked=narrow)

    assert (verdict(taken, "q1"), verdict(taken, "q2")) == (Verdict.KNOWN, Verdict.DOUBTFUL)


def test_a_holder_that_comes_back_too_late_changes_nothing(stores: Stores, run: RunView) -> None:
    reserve(stores, run, hold_s=OVER_S)
    reserve(stores, run, holder="two")

    assert stores.paid.note(TENANT, "one", begun=["q1"], ended={}) == frozenset()
    assert stores.paid.note(TENANT, "one", ended={"q1": end()}) == frozenset()
    assert stores.paid.note(TENANT, "two", ended={"q1": end(cost=7)}) == {"q1"}
    assert stores.paid.note(TENANT, "two", ended={"q1": end(cost=8)}) == frozenset()


def test_a_doubt_is_parked_where_that_is_the_rule_and_stays_so(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run, hold_s=OVER_S)

    parked = reserve(stores, run, holder="two", parks=True)
    later = reserve(stores, begin(stores), holder="three", parks=False)

    assert (verdict(parked), verdict(later)) == (Verdict.PARKED, Verdict.PARKED)
    assert [doubt.state for doubt in stores.paid.doubts(TENANT, unsettled=True)] == [
        CallState.PARKED
    ]


@pytest.mark.parametrize(
    ("ruling", "then", "doubts", "spent"),
    [
        (Ruling.PAID, Verdict.PARKED, 1, 100),
        (Ruling.NOT_PAID, Verdict.OURS, 0, 0),
        (Ruling.CALL_AGAIN, Verdict.OURS, 1, 0),
    ],
    ids=lambda value: str(value),
)
def test_a_person_settles_a_call_in_doubt(
    stores: Stores, run: RunView, ruling: Ruling, then: Verdict, doubts: int, spent: int
) -> None:
    reserve(stores, run, hold_s=OVER_S)
    key = reserve(stores, run, holder="two", parks=True)["q1"].key

    stores.paid.settle(TENANT, key, ruling)

    scope = Scope(run_id=run.id).name
    assert stores.paid.spent(TENANT, [scope])[scope].spent_microcredits == spent
    assert [doubt.doubts for doubt in stores.paid.doubts(TENANT)] == [1] * doubts
    assert stores.paid.doubts(TENANT, unsettled=True) == ()
    assert verdict(reserve(stores, run, holder="three")) is then


@pytest.mark.parametrize("key", ["q1-1", "q9-1", "q1", "", "q1-x"])
def test_what_is_not_in_doubt_cannot_be_settled(stores: Stores, run: RunView, key: str) -> None:
    reserve(stores, run)

    with pytest.raises(UnknownNameError, match="call in doubt"):
        stores.paid.settle(TENANT, key, Ruling.PAID)


def test_another_tenants_doubts_are_neither_seen_nor_settled(stores: Stores, run: RunView) -> None:
    key = reserve(stores, run, hold_s=OVER_S)["q1"].key

    assert stores.paid.doubts("other") == ()
    with pytest.raises(UnknownNameError):
        stores.paid.settle("other", key, Ruling.PAID)


def test_the_spending_of_a_scope_is_what_ended_beside_what_is_under_way(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run, "q1", "q2")
    stores.paid.note(TENANT, "one", ended={"q1": end(cost=30)})
    reserve(stores, run, "q3", holder="two")
    stores.paid.note(TENANT, "two", ended={"q3": end(cost=50)})
    name = Scope(run_id=run.id).name

    spending = stores.paid.spent(TENANT, [name])[name]

    assert spending.spent_microcredits == 50
    # The first has not booked its own yet: its answer's cost beside the price of the other.
    assert [(hold.id, hold.amount_microcredits) for hold in spending.holds] == [("one", 130)]


def test_the_costs_of_a_run_are_told_by_provider(stores: Stores, run: RunView) -> None:
    other = replace(ONE_LANE, name="other")
    reserve(stores, run, "q1", "q2", "q3")
    reserve(stores, run, "q4", holder="two", asked=other)
    stores.paid.note(TENANT, "one", ended={"q1": end(cost=100), "q2": end(cost=70)})
    stores.paid.note(TENANT, "two", ended={"q4": end(cost=0)})

    assert stores.paid.costs(TENANT, run.id) == {ONE_LANE.name: 170}
    assert stores.paid.costs("somebody", run.id) == {}


def test_a_cancelled_run_costs_what_its_calls_cost_that_ended_later(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run)
    stores.runs.cancel(TENANT, run.id)

    stores.paid.note(TENANT, "one", ended={"q1": end()})

    (listed,) = stores.runs.runs(TENANT)
    summary = stores.runs.summary(TENANT, run.id)
    costs = stores.paid.costs(TENANT, run.id)
    assert sum(costs.values()) == 100
    assert summary.counts.cost_microcredits == listed.counts.cost_microcredits == 100


def test_the_days_of_table_and_tenant_add_up_over_runs(stores: Stores, run: RunView) -> None:
    reserve(stores, run)
    stores.paid.note(TENANT, "one", ended={"q1": end()})
    later = begin(stores)
    reserve(stores, later, holder="two")
    stores.paid.note(TENANT, "two", ended={"q1": end()})
    # Midnight may come between them.
    days = {stores.runs.summary(TENANT, each.id).started_at.date() for each in (run, later)}
    scopes = [[Scope(table=TABLE, day=d).name for d in days], [Scope(day=d).name for d in days]]

    sums = [
        [sum(each.spent_microcredits for each in stores.paid.spent(tenant, names).values())
         for names in scopes]
        for tenant in (TENANT, "other")
    ]  # fmt: skip

    assert sums == [[200, 200], [0, 0]]


def test_a_row_that_is_gone_is_not_reserved(stores: Stores, run: RunView) -> None:
    (row,) = stores.rows.read(TENANT, TABLE, ["k1"])
    stores.rows.delete_row(TENANT, TABLE, "k1")

    asked = {"q": Asked(row=row.id, price_microcredits=1)}

    assert stores.paid.reserve(run, ONE_LANE, asked, holder="x", hold_s=9, parks=False) == {}
    assert stores.paid.doubts(TENANT) == ()


def spent_in(stores: Stores, run: RunView) -> int:
    name = Scope(run_id=run.id).name
    return stores.paid.spent(TENANT, [name])[name].spent_microcredits


def test_what_a_row_cost_stays_in_the_books_when_it_is_erased(stores: Stores, run: RunView) -> None:
    reserve(stores, run)
    stores.paid.note(TENANT, "one", ended={"q1": end()})
    later = begin(stores)
    reserve(stores, later, holder="two")
    stores.paid.note(TENANT, "two", ended={"q1": end(cost=70)})

    removed = stores.rows.delete_row(TENANT, TABLE, "k1")

    assert removed is not None
    assert removed.questions == ("q1",)
    assert [spent_in(stores, each) for each in (run, later)] == [100, 70]
    assert stores.paid.costs(TENANT, run.id) == {ONE_LANE.name: 100}


def test_nobody_is_told_what_was_answered_about_an_erased_row(stores: Stores, run: RunView) -> None:
    reserve(stores, run)
    stores.paid.note(TENANT, "one", ended={"q1": end()})
    stores.rows.delete_row(TENANT, TABLE, "k1")
    make_table(stores.rows, 1)

    again = reserve(stores, run, holder="two")

    assert verdict(again) is Verdict.OURS
    assert again["q1"].end is None


def test_an_erased_row_leaves_another_its_answer_to_the_same_question(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run)
    stores.paid.note(TENANT, "one", ended={"q1": end()})
    make_table(stores.rows, 2)
    later = begin(stores)
    reserve(stores, later, holder="two", row="k2")
    stores.paid.note(TENANT, "two", ended={"q1": end()})

    stores.rows.delete_row(TENANT, TABLE, "k1")

    assert verdict(reserve(stores, later, holder="three", row="k2")) is Verdict.KNOWN
    assert [spent_in(stores, each) for each in (run, later)] == [100, 100]


def test_a_call_under_way_books_its_cost_and_nothing_else_after_its_row_was_erased(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run, "q1", "q2")
    stores.rows.delete_row(TENANT, TABLE, "k1")

    held = stores.paid.note(TENANT, "one", ended={"q1": end(cost=60)})
    stores.paid.note(TENANT, "two", ended={"q2": end(cost=999)})
    stores.paid.note(TENANT, "one", ended={"q2": end(cost=5)})
    stores.paid.note(TENANT, "one", ended={"q2": end(cost=999)})

    assert held == frozenset()
    assert spent_in(stores, run) == 65
    assert stores.paid.costs(TENANT, run.id) == {ONE_LANE.name: 65}


def test_a_doubt_about_an_erased_row_names_nobody_and_can_be_settled(
    stores: Stores, run: RunView
) -> None:
    reserve(stores, run, hold_s=OVER_S)
    stores.rows.delete_row(TENANT, TABLE, "k1")

    (doubt,) = stores.paid.doubts(TENANT, unsettled=True)
    stores.paid.settle(TENANT, doubt.key, Ruling.PAID)

    assert (doubt.row, doubt.run_id) == ("", run.id)
    assert "q1" not in doubt.key
    assert spent_in(stores, run) == 100
    assert stores.paid.doubts(TENANT, unsettled=True) == ()
