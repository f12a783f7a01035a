"""The use cases, from a request to the cells, over the in-memory twins."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from enrich.domain.cell_ends import STALE
from enrich.domain.outcome import (
    CreditsExhausted,
    Gone,
    InvalidInput,
    LegalBlock,
    Outcome,
    RateLimited,
    Skipped,
    Unauthorized,
    Unavailable,
)
from enrich.domain.policy import BudgetPolicy, CachePolicy, RunPolicy
from enrich.domain.provider import Charge, Query, Tier, call_sizes
from enrich.domain.rate import RateLimit
from enrich.domain.run import CellFilter, Force, RunState, StepKind
from enrich.domain.table import CellState, Column
from enrich.engine.fuse import fuse
from enrich.engine.probe import probe
from enrich.engine.submit import RunRequest, submit
from enrich.engine.sweep import sweep
from enrich.errors import BadInputError, UnknownNameError
from tests.asking import HandClock
from tests.unit.batches import EMAIL, found, spec
from tests.unit.engine_world import Scripted, World, world

BY_EMAIL = spec("by_email", "email", "domain company_name")
BY_DOMAIN = spec("by_domain", "domain", "company_name")


def _enriched(field: str) -> Column:
    return Column(key=field, field=field, enriched=True, position=1)


def _patient(**changes: int) -> RunPolicy:
    return replace(RunPolicy(max_wait_s=3600), **changes)


def _in_s(seconds: float) -> datetime:
    return HandClock().now() + timedelta(seconds=seconds)


def _sweep(own: World) -> None:
    own.runner.run(sweep(own.parts).steps, patience_s=0)


KNOWS = {"a@acme.com": found(domain="acme.com")}
KNOWS_ALL = {"a@acme.com": found(domain="acme.com", company_name="Acme")}


def test_a_filled_cell_leads_to_the_next_wave() -> None:
    by_domain = Scripted(BY_DOMAIN, {"acme.com": found(company_name="Acme")})

    with world(Scripted(BY_EMAIL, KNOWS), by_domain) as own:
        summary = own.run()

        assert (own.value("domain"), own.value("company")) == ("acme.com", "Acme")
        assert (summary.state, summary.counts.filled) == (RunState.DONE, 2)


def test_what_was_answered_once_comes_from_the_cache() -> None:
    provider = Scripted(BY_EMAIL, KNOWS_ALL)

    with world(provider) as own:
        own.run()
        again = own.run(force=Force.CELLS)

        assert provider.asked == ["a@acme.com"]
        assert (again.counts.cache_hits, again.counts.provider_calls) == (1, 0)


def test_a_run_leaves_filled_cells_alone() -> None:
    with world(Scripted(BY_EMAIL, KNOWS_ALL)) as own:
        own.run()
        before = own.row()
        own.run()

        assert own.row() == before


@pytest.mark.parametrize(
    ("force", "calls"),
    [
        pytest.param(Force.NONE, 1, id="none"),
        pytest.param(Force.CELLS, 1, id="cells"),
        pytest.param(Force.NEGATIVES, 2, id="negatives"),
        pytest.param(Force.RESPONSES, 2, id="responses"),
    ],
)
def test_each_level_of_force_passes_over_more_of_what_is_known(force: Force, calls: int) -> None:
    provider = Scripted(BY_EMAIL, {})

    with world(provider) as own:
        own.run()
        own.run(force=force)

        assert len(provider.asked) == calls


def test_not_found_is_asked_again_after_its_shorter_time() -> None:
    provider = Scripted(BY_EMAIL, {})

    with world(provider) as own:
        own.run()
        own.clock.sleep(400)
        own.run()

        assert len(provider.asked) == 2


def test_a_refused_input_is_kept_longer_than_not_found() -> None:
    provider = Scripted(BY_EMAIL, {"a@acme.com": InvalidInput("no such domain")})

    with world(provider) as own:
        own.run()
        own.clock.sleep(400)
        own.run()

        assert len(provider.asked) == 1


def test_an_answer_without_a_call_is_not_counted_as_one() -> None:
    with world(Scripted(BY_EMAIL, {"a@acme.com": Skipped("no credential")})) as own:
        assert own.run().counts.provider_calls == 0


def test_a_cell_says_whose_provider_refused_its_inputs() -> None:
    provider = Scripted(BY_EMAIL, {"a@acme.com": InvalidInput("status 422")})

    with world(provider) as own:
        own.run()

        cell = own.row().cells["domain"]
        refused = "by_email: invalid_input (status 422)"
        assert (cell.state, cell.reason) == (CellState.NOT_FOUND, refused)


def test_a_legal_block_is_not_asked_again_for_weeks() -> None:
    provider = Scripted(BY_EMAIL, {"a@acme.com": LegalBlock("objected")})

    with world(provider) as own:
        own.run()
        own.clock.sleep(20 * 86_400)
        own.run()

        assert len(provider.asked) == 1


def test_a_failure_is_never_kept() -> None:
    provider = Scripted(BY_EMAIL, {"a@acme.com": Unavailable("timed out")})

    with world(provider) as own:
        own.run()
        own.run()

        assert len(provider.asked) == 2
        assert own.row().cells["domain"].state is CellState.FAILED


def test_rows_with_equal_inputs_share_one_paid_call() -> None:
    priced = replace(BY_EMAIL, tier=Tier.CHEAP, price_microcredits=10)
    provider = Scripted(priced, KNOWS_ALL)

    with world(provider, emails=("a@acme.com", "A@acme.com ")) as own:
        summary = own.run()

        assert len(provider.asked) == 1
        assert own.value("domain", "r2") == "acme.com"
        assert summary.counts.cost_microcredits == 10


def test_a_bug_in_a_provider_is_an_outcome_and_loses_no_row() -> None:
    def broken(_: Query) -> Outcome:
        msg = "bug"
        raise RuntimeError(msg)

    with world(Scripted(BY_EMAIL, broken)) as own:
        summary = own.run()

        assert summary.state is RunState.DONE
        assert own.row().cells["domain"].reason.startswith("by_email: malformed")


def test_premium_is_asked_cheapest_first_and_only_until_it_is_resolved() -> None:
    dear = spec("dear", "email", "domain", tier=Tier.PREMIUM, price=200)
    cheaper = spec("p_cheaper", "email", "domain", tier=Tier.PREMIUM, price=100)
    asked = [Scripted(dear, KNOWS), Scripted(cheaper, KNOWS)]
    emails = ("a@acme.com", "b@b.com")

    with world(*asked, emails=emails, columns=(EMAIL, _enriched("domain"))) as own:
        own.run()

        assert [sorted(p.asked) for p in asked] == [["b@b.com"], ["a@acme.com", "b@b.com"]]


def test_the_sequential_waterfall_stops_at_the_first_that_answers() -> None:
    second = Scripted(replace(BY_EMAIL, name="z_second"), KNOWS_ALL)

    with world(Scripted(BY_EMAIL, KNOWS_ALL), second) as own:
        own.run(parallel_probes=False)

        assert second.asked == []


def test_an_open_breaker_keeps_the_provider_from_being_asked() -> None:
    provider = Scripted(BY_EMAIL, KNOWS_ALL)

    with world(provider) as own:
        own.parts.breakers.force("by_email", "open")
        own.run()

        cell = own.row().cells["domain"]
        assert provider.asked == []
        assert (cell.state, cell.reason) == (
            CellState.SKIPPED,
            "by_email: skipped (breaker open)",
        )


def test_failures_open_the_breaker_for_the_next_batch() -> None:
    provider = Scripted(BY_EMAIL, lambda _: Unavailable("refused"))
    emails = [f"{n}@acme.com" for n in range(20)]

    with world(provider, emails=emails) as own:
        own.run()

        assert len(provider.asked) == 10


def test_what_does_not_fit_the_budget_is_not_asked() -> None:
    priced = replace(BY_EMAIL, tier=Tier.CHEAP, price_microcredits=10, charge=Charge.ON_CALL)
    provider = Scripted(priced, {})

    with world(provider, emails=[f"{n}@acme.com" for n in range(6)]) as own:
        summary = own.run(max_cost_microcredits=35)

        assert len(provider.asked) == 3
        assert summary.counts.cost_microcredits == 30
        assert own.row("r6").cells["domain"].reason == "by_email: skipped (over budget: run)"


def test_a_limit_puts_rows_back_instead_of_failing_them() -> None:
    limited = replace(BY_EMAIL, limits=(RateLimit(count=2, per_s=60),))
    provider = Scripted(limited, lambda _: found(domain="acme.com", company_name="Acme"))

    with world(provider, emails=[f"{n}@acme.com" for n in range(4)]) as own:
        summary = own.run()

        assert len(provider.asked) == 2
        assert (summary.counts.filled, summary.counts.pending) == (4, 4)
        assert summary.counts.failed == 0


def test_rows_put_back_are_asked_when_their_moment_has_come() -> None:
    answers = [RateLimited(_in_s(5)), found(domain="acme.com", company_name="Acme")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, runs=_patient()) as own:
        own.parts.breakers.force("by_email", "closed", hold=True)
        _, steps = own.submit()
        own.runner.run(steps, patience_s=0)
        assert own.row().cells["domain"].state is CellState.PENDING
        own.clock.sleep(90)
        _sweep(own)

        assert own.value("domain") == "acme.com"


def test_a_redelivered_probe_asks_nobody_again() -> None:
    provider = Scripted(BY_EMAIL, KNOWS_ALL)

    with world(provider) as own:
        _, (step,) = own.submit()
        first = probe(own.parts, step, "by_email")
        second = probe(own.parts, step, "by_email")

        assert (first, second, len(provider.asked)) == (1, 0, 1)


def test_a_second_fusion_changes_nothing() -> None:
    with world(Scripted(BY_EMAIL, KNOWS_ALL)) as own:
        _, (step,) = own.submit()
        probe(own.parts, step, "by_email")
        once = fuse(own.parts, step)
        before = own.row()
        twice = fuse(own.parts, step)

        assert once.finished is not None
        assert (twice.finished, twice.steps, own.row()) == (once.finished, (), before)


def test_a_cancelled_run_asks_nobody_any_more() -> None:
    provider = Scripted(BY_EMAIL, KNOWS_ALL)

    with world(provider) as own:
        run_id, (step,) = own.submit()
        own.parts.runs.cancel("default", run_id)
        probe(own.parts, step, "by_email")

        assert provider.asked == []


def test_a_typed_value_is_never_replaced() -> None:
    with world(Scripted(BY_EMAIL, KNOWS_ALL)) as own:
        own.parts.rows.type_value("default", "t", "r1", "domain", "typed.com")
        own.run(force=Force.RESPONSES)

        assert (own.value("domain"), own.value("company")) == ("typed.com", "Acme")


def test_a_run_without_a_provider_ends_at_once_and_says_so() -> None:
    with world() as own:
        _, (step,) = own.submit()

        assert (step.kind, step.providers) == (StepKind.PROBE, ())
        assert own.run().counts.skipped == 2


def test_more_batches_than_may_be_under_way_all_end() -> None:
    emails = [f"{n}@acme.com" for n in range(9)]

    with world(
        Scripted(BY_EMAIL, {}), emails=emails, runs=_patient(batch_rows=2, max_batches_in_flight=1)
    ) as own:
        summary = own.run()

        assert (summary.state, summary.batches["done"]) == (RunState.DONE, 5)


def test_an_unknown_column_is_named_with_its_nearest() -> None:
    with world() as own, pytest.raises(UnknownNameError, match="did you mean 'domain'"):
        submit(own.parts, RunRequest(table="t", columns=("domian",)))


def test_a_table_without_enriched_columns_says_what_to_do() -> None:
    with world(columns=(EMAIL,)) as own, pytest.raises(BadInputError, match="enrich columns"):
        own.submit()


def test_a_filled_cell_that_is_put_back_is_decided_when_its_moment_has_come() -> None:
    answers = [found(domain="old.com"), RateLimited(_in_s(5)), found(domain="new.com")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, _enriched("domain")), runs=_patient()) as own:
        own.parts.breakers.force("by_email", "closed", hold=True)
        own.run()
        own.run(force=Force.RESPONSES)
        assert own.value("domain") == "old.com"
        own.clock.sleep(90)
        _sweep(own)

        assert own.value("domain") == "new.com"


def test_a_number_that_no_database_holds_is_malformed() -> None:
    with world(Scripted(BY_EMAIL, {"a@acme.com": found(domain=float("nan"))})) as own:
        own.run()

        assert own.row().cells["domain"].reason.startswith("by_email: malformed")


def test_a_cell_that_a_person_emptied_counts_as_empty() -> None:
    where = CellFilter(states=frozenset({"empty"}))

    with world(Scripted(BY_EMAIL, KNOWS_ALL)) as own:
        own.parts.rows.type_value("default", "t", "r1", "domain", "")
        own.run(where=where)

        assert own.value("domain") == "acme.com"


def test_an_older_answer_stands_in_for_a_provider_that_is_down_and_is_marked() -> None:
    answers = [found(domain="acme.com"), Unavailable("refused")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, _enriched("domain"))) as own:
        own.run()
        before = own.row().cells["domain"].observed_at
        own.clock.sleep(7.5 * 86_400)
        own.run(force=Force.CELLS)

        cell = own.row().cells["domain"]
        assert (own.value("domain"), cell.reason, cell.observed_at) == ("acme.com", STALE, before)


@pytest.mark.parametrize(
    "outcome",
    [CreditsExhausted(), Unauthorized("status 403"), Gone()],
    ids=["402", "403", "410"],
)
def test_an_older_answer_does_not_hide_that_a_provider_refuses_us(outcome: Outcome) -> None:
    answers: list[Outcome] = [found(domain="acme.com"), outcome]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, _enriched("domain"))) as own:
        own.run()
        own.clock.sleep(7.5 * 86_400)

        assert own.run(force=Force.CELLS).counts.failed == 1


def test_an_older_answer_is_no_answer_to_who_forces_a_new_one() -> None:
    answers = [found(domain="acme.com"), Unavailable("refused")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, _enriched("domain"))) as own:
        own.run()

        assert own.run(force=Force.RESPONSES).counts.failed == 1


def test_rows_wait_while_others_try_a_provider_out() -> None:
    provider = Scripted(BY_EMAIL, lambda _: found(domain="acme.com", company_name="Acme"))
    emails = [f"{n}@acme.com" for n in range(8)]

    with world(provider, emails=emails, runs=_patient()) as own:
        own.parts.breakers.force("by_email", "half_open")
        _, steps = own.submit()
        own.runner.run(steps, patience_s=0)
        waiting = [own.row(f"r{n}").cells["domain"] for n in range(4, 9)]
        own.clock.sleep(90)
        _sweep(own)

        assert {cell.state for cell in waiting} == {CellState.PENDING}
        assert {cell.retry_at for cell in waiting} == {_in_s(1)}
        assert own.row("r8").cells["domain"].state is CellState.FILLED


def test_an_answer_too_old_to_stand_in_is_a_failure() -> None:
    answers = [found(domain="acme.com"), Unavailable("refused")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, _enriched("domain"))) as own:
        own.run()
        own.clock.sleep(9 * 86_400)

        assert own.run(force=Force.CELLS).counts.failed == 1


def test_a_field_that_ages_faster_than_its_answer_is_asked_for_again() -> None:
    provider = Scripted(BY_EMAIL, KNOWS_ALL)

    with world(provider, cache=CachePolicy(field_ttl_s={"domain": 60})) as own:
        own.run()
        own.clock.sleep(61)
        own.run(force=Force.CELLS)

        assert len(provider.asked) == 2


def test_past_its_soft_end_an_answer_is_served_and_fetched_anew_behind_it() -> None:
    provider = Scripted(BY_EMAIL, KNOWS_ALL)

    with world(provider, cache=CachePolicy(soft_ttl_s=60)) as own:
        own.run()
        own.clock.sleep(61)
        again = own.run(force=Force.CELLS)
        own.parts.calls.shutdown(wait=True)

        assert again.counts.cache_hits == 1
        assert len(provider.asked) == 2


def test_what_a_leader_learned_after_its_lease_is_not_kept() -> None:
    clocks: list[HandClock] = []

    def slow(_: Query) -> Outcome:
        clocks[0].sleep(20)
        return found(domain="acme.com", company_name="Acme")

    provider = Scripted(BY_EMAIL, slow)

    with world(provider) as own:
        clocks.append(own.clock)
        own.run()
        own.run(force=Force.CELLS)

        assert len(provider.asked) == 2


def test_a_call_that_carries_many_rows_takes_one_start_of_the_limit() -> None:
    limits = (RateLimit(count=2, per_s=60),)
    provider = Scripted(replace(BY_EMAIL, bulk_size=2, limits=limits), {})
    emails = [f"{n}@acme.com" for n in range(4)]

    with world(provider, emails=emails, runs=_patient(batch_rows=10)) as own:
        own.run()

        assert len(provider.asked) == 4


def test_a_redelivered_fusion_of_a_run_that_has_ended_says_so_again() -> None:
    with world(Scripted(BY_EMAIL, KNOWS_ALL)) as own:
        _, (step,) = own.submit()
        probe(own.parts, step, "by_email")

        assert fuse(own.parts, step).finished == fuse(own.parts, step).finished


@pytest.mark.parametrize("scope", ["table", "tenant"])
def test_the_day_of_a_table_and_of_a_tenant_have_budgets_of_their_own(scope: str) -> None:
    priced = replace(BY_EMAIL, tier=Tier.CHEAP, price_microcredits=10, charge=Charge.ON_CALL)
    provider = Scripted(priced, {})
    budgets = BudgetPolicy(**{f"{scope}_day_microcredits": 25})

    with world(provider, emails=[f"{n}@acme.com" for n in range(6)], budgets=budgets) as own:
        own.run()
        assert len(provider.asked) == 2
        own.clock.sleep(86_400)
        own.run(force=Force.RESPONSES)

        assert len(provider.asked) == 4
        assert own.row("r6").cells["domain"].reason == f"by_email: skipped (over budget: {scope})"


def test_rows_of_one_job_travel_together_and_each_call_has_its_own_start() -> None:
    tokens = ["", "1@job", "", "2@other", "2@job", ""]
    queries = [Query(row=n, inputs={}, token=token) for n, token in enumerate(tokens)]
    together = sorted(queries, key=lambda query: query.job)

    assert call_sizes(replace(BY_EMAIL, bulk_size=2), together) == [2, 1, 2, 1]
    assert call_sizes(BY_EMAIL, together) == [1] * 6
