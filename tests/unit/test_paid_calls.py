"""What is paid for is paid for once, whoever dies and however often a message comes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from enrich.domain.advance import waiting_rows
from enrich.domain.outcome import OVER_BUDGET, NotFound, Outcome, Skipped, Unavailable
from enrich.domain.paid import NO_TRACE, Asked, CallEnd, InDoubt, Ruling, Verdict
from enrich.domain.policy import BudgetPolicy, RunPolicy
from enrich.domain.provider import Answer, Charge, ProviderSpec, Query, Tier
from enrich.domain.rate import RateLimit
from enrich.domain.run import Force, Step
from enrich.domain.table import CellState, Column
from enrich.domain.waterfall import key_of, questions_for
from enrich.engine.paid import PARKED
from enrich.engine.probe import probe
from enrich.engine.sweep import sweep
from enrich.engine.watch import STOPPED
from enrich.errors import DatabaseDownError
from enrich.ports import Deadline, OverBudget
from enrich.store.memory_calls import MemoryPaidCalls
from tests.unit.batches import EMAIL, NOW, batch, found, row, said, spec
from tests.unit.engine_world import Scripted, World, world

DOMAIN = Column(key="domain", field="domain", enriched=True, position=1)
COLUMNS = (EMAIL, DOMAIN)
PAID = spec("paid", "email", "domain", tier=Tier.CHEAP, price=100)
ON_HIT = replace(PAID, charge=Charge.ON_HIT)
FREE = spec("free", "email", "domain")
LIMITS = (RateLimit(100, 1.0),)
KNOWS = {"a@acme.com": found(domain="acme.com")}


def forget(own: World) -> None:
    """Lose what Redis holds, and what a probe that died had not yet recorded."""
    own.parts.responses.clear()
    own.database.ledger.clear()


def die_calling(own: World, steps: Sequence[Step], asked: ProviderSpec = PAID) -> None:
    """Leave the reservations of a worker that died in the middle of its first calls."""
    batch = own.parts.runs.open(steps[0].batch, lease_s=60)
    assert batch is not None
    names = {key_of(batch.run, asked, q): q.row for q in questions_for(batch, asked)}
    questions = {name: Asked(row=row, price_microcredits=100) for name, row in names.items()}
    own.parts.paid.reserve(batch.run, asked, questions, holder="the dead", hold_s=-1.0, parks=False)


class LooksUp(Scripted):
    """Knows what came of its calls, as told."""

    told: Answer | None = None

    def look_up(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer | None]:
        """Tell it."""
        assert all(query.call_key for query in queries)
        return [self.told for _ in queries]


def test_a_redelivered_probe_finds_the_stored_answer_and_bears_its_cost() -> None:
    provider = Scripted(PAID, KNOWS)

    with world(provider, columns=COLUMNS) as own:
        _, (step,) = own.submit()
        probe(own.parts, step, "paid")
        forget(own)
        recorded = probe(own.parts, step, "paid")

        assert (provider.asked, recorded) == (["a@acme.com"], 1)
        (line,) = own.parts.runs.evidence("default", "t", "r1")
        assert (line[1].outcome, line[1].cost_microcredits) == (KNOWS["a@acme.com"], 100)


def test_rows_of_other_batches_with_the_same_inputs_share_one_paid_call() -> None:
    provider = Scripted(PAID, KNOWS)

    with world(provider, emails=("a@acme.com",) * 4, columns=COLUMNS) as own:
        _, steps = own.submit()
        probe(own.parts, steps[0], "paid")
        own.parts.responses.clear()
        probe(own.parts, steps[1], "paid")

        assert provider.asked == ["a@acme.com"]


def test_a_forced_run_pays_anew_under_another_key() -> None:
    keys: list[str] = []

    def script(query: Query) -> Outcome:
        keys.append(query.call_key)
        return KNOWS["a@acme.com"]

    with world(Scripted(PAID, script), columns=COLUMNS) as own:
        own.run()
        own.run(force=Force.RESPONSES)

        assert len(set(keys)) == len(keys) == 2


def test_what_costs_nothing_is_not_reserved() -> None:
    with world(Scripted(FREE, KNOWS), columns=COLUMNS) as own:
        own.run()

        assert own.database.paid == {}


def test_a_call_in_doubt_is_made_again_and_the_ledger_says_so() -> None:
    provider = Scripted(PAID, KNOWS)

    with world(provider, columns=COLUMNS) as own:
        run_id, steps = own.submit()
        die_calling(own, steps)
        probe(own.parts, steps[0], "paid")

        (doubt,) = own.parts.paid.doubts("default", run_id=run_id)
        assert (provider.asked, doubt.row, doubt.doubts) == (["a@acme.com"], "r1", 1)


def test_a_call_in_doubt_waits_for_a_person_where_that_is_the_setting() -> None:
    provider = Scripted(PAID, KNOWS)
    budgets = BudgetPolicy(in_doubt=InDoubt.PARK)

    with world(provider, columns=COLUMNS, budgets=budgets) as own:
        _, steps = own.submit()
        die_calling(own, steps)
        own.runner.run(steps, patience_s=0)

        assert provider.asked == []
        cell = own.row().cells["domain"]
        assert (cell.state, cell.reason) == (CellState.SKIPPED, f"paid: skipped ({PARKED})")
        assert len(own.parts.paid.doubts("default", unsettled=True)) == 1


@pytest.mark.parametrize(
    "own_rule",
    [{"takes_key": True}, {"in_doubt": "call_again"}],
    ids=["takes a key", "says so itself"],
)
def test_a_provider_for_which_asking_again_is_right_is_not_parked(
    own_rule: Mapping[str, object],
) -> None:
    provider = Scripted(replace(PAID, **own_rule), KNOWS)  # type: ignore[arg-type] # by name

    with world(provider, columns=COLUMNS, budgets=BudgetPolicy(in_doubt=InDoubt.PARK)) as own:
        _, steps = own.submit()
        die_calling(own, steps, provider.spec)
        own.runner.run(steps, patience_s=0)

        assert own.value("domain") == "acme.com"


def test_what_a_provider_charges_once_is_not_in_doubt_any_more() -> None:
    provider = Scripted(replace(PAID, takes_key=True), KNOWS)

    with world(provider, columns=COLUMNS) as own:
        _, steps = own.submit()
        die_calling(own, steps, provider.spec)
        probe(own.parts, steps[0], "paid")

        assert own.parts.paid.doubts("default") == ()


def test_a_call_that_a_limit_made_wait_is_not_in_doubt() -> None:
    provider = Scripted(replace(PAID, limits=LIMITS), KNOWS)

    with world(provider, columns=COLUMNS) as own:
        _, steps = own.submit()
        die_calling(own, steps, provider.spec)
        probe(own.parts, steps[0], "paid")

        assert own.parts.paid.doubts("default") == ()


def test_a_call_is_written_down_as_begun_before_it_is_made_also_under_a_limit() -> None:
    begun: list[bool] = []
    worlds: list[World] = []

    def script(query: Query) -> Outcome:
        (calls,) = worlds[0].database.paid.values()
        begun.extend(call.begun for call in calls)
        return NotFound()

    with world(Scripted(replace(PAID, limits=LIMITS), script), columns=COLUMNS) as own:
        worlds.append(own)
        own.run()

    assert begun == [True]


@pytest.mark.parametrize(
    ("told", "asked", "state"),
    [
        (Answer(outcome=KNOWS["a@acme.com"]), [], CellState.FILLED),
        (None, ["a@acme.com"], CellState.FILLED),
        (Answer(outcome=Unavailable("timed out")), [], CellState.PENDING),
    ],
    ids=["made", "never made", "cannot tell now"],
)
def test_who_can_be_asked_by_key_says_what_came_of_a_call_in_doubt(
    told: Answer | None, asked: list[str], state: CellState
) -> None:
    provider = LooksUp(replace(PAID, can_look_up=True), KNOWS)
    provider.told = told

    with world(provider, columns=COLUMNS) as own:
        _, steps = own.submit()
        die_calling(own, steps, provider.spec)
        own.runner.run(steps, patience_s=0)

        assert provider.asked == asked
        assert own.row().cells["domain"].state is state
        doubts = own.parts.paid.doubts("default")
        assert len(doubts) == (state is CellState.PENDING)


@pytest.mark.parametrize(
    ("rule", "asked", "state"),
    [
        (InDoubt.CALL_AGAIN, ["a@acme.com"], CellState.FILLED),
        (InDoubt.PARK, [], CellState.SKIPPED),
    ],
    ids=["called again", "parked"],
)
def test_a_call_that_left_no_trace_is_dealt_with_as_the_setting_says(
    rule: InDoubt, asked: list[str], state: CellState
) -> None:
    provider = LooksUp(replace(PAID, can_look_up=True), KNOWS)
    provider.told = NO_TRACE

    with world(provider, columns=COLUMNS, budgets=BudgetPolicy(in_doubt=rule)) as own:
        _, steps = own.submit()
        die_calling(own, steps, provider.spec)
        own.runner.run(steps, patience_s=0)

        assert provider.asked == asked
        assert own.row().cells["domain"].state is state
        assert len(own.parts.paid.doubts("default", unsettled=True)) == (not asked)


def test_what_left_no_trace_is_called_once_a_person_says_that_it_never_was() -> None:
    provider = LooksUp(replace(PAID, can_look_up=True), KNOWS)
    provider.told = NO_TRACE

    with world(provider, columns=COLUMNS, budgets=BudgetPolicy(in_doubt=InDoubt.PARK)) as own:
        _, steps = own.submit()
        die_calling(own, steps, provider.spec)
        own.runner.run(steps, patience_s=0)
        (doubt,) = own.parts.paid.doubts("default", unsettled=True)
        own.parts.paid.settle("default", doubt.key, Ruling.NOT_PAID)
        own.run()

        assert provider.asked == ["a@acme.com"]


def test_money_of_a_worker_that_died_before_booking_it_is_counted() -> None:
    with world(Scripted(PAID, KNOWS), columns=COLUMNS) as own:
        run_id, steps = own.submit()
        die_calling(own, steps)
        (name,) = own.database.paid
        own.parts.paid.note("default", "the dead", ended={name: _end(own)})
        probe(own.parts, steps[0], "paid")

        assert own.parts.budgets.spent("default", [f"run:{run_id}"]) == {f"run:{run_id}": (100, 0)}


def _end(own: World) -> CallEnd:
    return CallEnd(outcome=NotFound(), observed_at=own.clock.now(), cost_microcredits=100)


class _Unwritable(MemoryPaidCalls):
    """Takes reservations, and then breaks."""

    def note(
        self, tenant: str, holder: str, *, begun: Sequence[str] = (), ended: Mapping[str, CallEnd]
    ) -> frozenset[str]:
        """Fail."""
        raise DatabaseDownError("gone")


@pytest.mark.parametrize(
    ("lanes", "asked"), [(8, ["a@acme.com", "b@b.com"]), (1, ["a@acme.com"])], ids=["all", "one"]
)
def test_without_the_ledger_no_call_is_begun_that_was_not_reserved_as_begun(
    lanes: int, asked: list[str]
) -> None:
    provider = Scripted(replace(PAID, max_concurrent=lanes), KNOWS)

    with world(provider, emails=("a@acme.com", "b@b.com"), columns=COLUMNS) as own:
        _, (step,) = own.submit()
        parts = replace(own.parts, paid=_Unwritable(own.database))
        probe(parts, step, "paid")

        assert sorted(provider.asked) == asked
        # What was answered and could not be written is in the cache at least.
        probe(parts, step, "paid")
        assert sorted(provider.asked) == asked


def test_a_cancelled_run_makes_no_further_call_within_half_a_second() -> None:
    worlds: list[World] = []

    def script(query: Query) -> Outcome:
        own = worlds[0]
        own.parts.runs.cancel("default", own.parts.runs.runs("default")[0].id)
        own.clock.sleep(0.3)
        return NotFound()

    provider = Scripted(replace(PAID, max_concurrent=1), script)
    emails = tuple(f"{n}@acme.com" for n in range(9))

    with world(provider, emails=emails, columns=COLUMNS) as own:
        worlds.append(own)
        _, steps = own.submit()
        probe(own.parts, steps[0], "paid")
        probe(own.parts, steps[1], "paid")

        assert len(provider.asked) == 2
        assert own.parts.runs.runs("default")[0].counts.filled == 0


def test_the_calls_that_a_cancelled_run_left_out_are_free_for_others() -> None:
    worlds: list[World] = []

    def script(query: Query) -> Outcome:
        own = worlds[0]
        own.parts.runs.cancel("default", own.parts.runs.runs("default")[0].id)
        own.clock.sleep(1)
        return NotFound()

    provider = Scripted(replace(PAID, max_concurrent=1), script)

    with world(provider, emails=("a@acme.com", "b@b.com"), columns=COLUMNS) as own:
        worlds.append(own)
        _, (step,) = own.submit()
        probe(own.parts, step, "paid")

        assert provider.asked == ["a@acme.com"]
        said = [own.parts.runs.evidence("default", "t", key) for key in ("r1", "r2")]
        assert getattr(said[1][0][1].outcome, "reason", "") == STOPPED
        states = [calls[-1].state.value for calls in own.database.paid.values()]
        assert states == ["answered", "free"]


@pytest.mark.parametrize(
    ("waits", "ends"), [(3, CellState.PENDING), (1, CellState.SKIPPED)], ids=["waits", "no more"]
)
def test_what_others_have_in_hand_makes_a_question_wait_and_not_for_ever(
    waits: int, ends: CellState
) -> None:
    provider = Scripted(PAID, KNOWS)
    runs = RunPolicy(max_money_waits=waits)

    with world(provider, columns=COLUMNS, runs=runs) as own:
        run_id, steps = own.submit(max_cost_microcredits=100)
        scope = f"run:{run_id}"
        held = own.parts.budgets.reserve("default", {scope: 100}, 100, hold_s=6000)
        assert not isinstance(held, OverBudget)
        own.runner.run(steps, patience_s=0)
        own.clock.sleep(100)
        swept = sweep(own.parts)
        own.runner.run(swept.steps, patience_s=0)

        assert own.row().cells["domain"].state is ends


def test_other_waits_do_not_count_as_waits_for_money() -> None:
    asked = batch(
        row(1, email="a@acme.com"),
        responses=[said(PAID, {"email": "a@acme.com"}, Skipped(f"{OVER_BUDGET}: run", NOW))],
        attempt=40,
    )
    runs = RunPolicy(max_money_waits=3)

    waits = [
        bool(
            waiting_rows(
                replace(asked, money_waits={1: before}), {PAID.name: PAID}, runs=runs, now=NOW
            )
        )
        for before in (0, 2, 3)
    ]

    assert waits == [True, True, False]


def test_what_answers_did_not_cost_pays_for_the_next_questions() -> None:
    emails = [f"{n}@acme.com" for n in range(8)]
    provider = Scripted(ON_HIT, {"6@acme.com": found(domain="acme.com")})

    with world(provider, emails=emails, columns=COLUMNS, runs=RunPolicy(batch_rows=10)) as own:
        summary = own.run(max_cost_microcredits=250)

        assert sorted(provider.asked) == emails
        assert summary.counts.cost_microcredits == 100
        assert summary.counts.not_found == 7


def test_a_cap_holds_however_often_its_money_comes_back() -> None:
    emails = [f"{n}@acme.com" for n in range(8)]
    known = {email: found(domain="acme.com") for email in emails[1::2]}
    provider = Scripted(ON_HIT, known)

    with world(provider, emails=emails, columns=COLUMNS, runs=RunPolicy(batch_rows=10)) as own:
        summary = own.run(max_cost_microcredits=250)

        assert summary.counts.cost_microcredits == 200
        assert summary.counts.skipped > 0
        assert own.row("r8").cells["domain"].reason == "paid: skipped (over budget: run)"


def test_a_probe_over_midnight_books_on_the_day_on_which_it_began() -> None:
    worlds: list[World] = []

    def script(query: Query) -> Outcome:
        worlds[0].clock.sleep(1)
        return KNOWS.get(str(query.inputs["email"]), NotFound())

    emails = ("b@b.com", "a@acme.com")
    with world(Scripted(ON_HIT, script), emails=emails, columns=COLUMNS, runs=RunPolicy()) as own:
        worlds.append(own)
        own.clock.sleep(86_399.5)
        own.run(max_cost_microcredits=100)

        days = ["tenant:2026-01-01", "tenant:2026-01-02"]
        booked = own.parts.budgets.spent("default", days)
        assert booked == {days[0]: (100, 0), days[1]: (0, 0)}


def test_money_that_comes_back_too_late_for_a_probe_is_spent_by_a_later_one() -> None:
    worlds: list[World] = []

    def script(_: Query) -> Outcome:
        worlds[0].clock.sleep(9)
        return NotFound()

    provider = Scripted(ON_HIT, script)

    with world(
        provider, emails=("a@acme.com", "b@b.com"), columns=COLUMNS, runs=RunPolicy()
    ) as own:
        worlds.append(own)
        _, steps = own.submit(max_cost_microcredits=100)
        own.runner.run(steps, patience_s=0)
        waiting = own.row("r2").cells["domain"].state
        own.clock.sleep(100)
        own.runner.run(sweep(own.parts).steps, patience_s=0)

        assert waiting is CellState.PENDING
        assert provider.asked == ["a@acme.com", "b@b.com"]
        assert own.row("r2").cells["domain"].state is CellState.NOT_FOUND


def test_a_question_that_another_worker_is_paying_for_waits() -> None:
    provider = Scripted(PAID, KNOWS)

    with world(provider, columns=COLUMNS) as own:
        _, (step,) = own.submit()
        batch = own.parts.runs.open(step.batch, lease_s=60)
        assert batch is not None
        (query,) = questions_for(batch, PAID)
        name = key_of(batch.run, PAID, query)
        asked = {name: Asked(row=query.row, price_microcredits=100)}
        booked = own.parts.paid.reserve(
            batch.run, PAID, asked, holder="other", hold_s=60, parks=False
        )
        own.runner.run([step], patience_s=0)

        assert booked[name].verdict is Verdict.OURS
        assert provider.asked == []
        assert own.row().cells["domain"].state is CellState.PENDING
