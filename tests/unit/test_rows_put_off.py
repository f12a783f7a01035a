"""Rows that limits, breakers and budgets put off, and calls that carry many of them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from enrich.domain.outcome import (
    RateLimited,
)
from enrich.domain.policy import BudgetPolicy, RunPolicy
from enrich.domain.provider import Charge, Query, Tier, call_sizes
from enrich.domain.rate import RateLimit
from enrich.domain.run import Force
from enrich.domain.table import CellState
from enrich.engine.sweep import sweep
from tests.asking import HandClock
from tests.unit.batches import BY_EMAIL, DOMAIN, EMAIL, found
from tests.unit.engine_world import Scripted, World, world


def _patient(**changes: int) -> RunPolicy:
    return replace(RunPolicy(max_wait_s=3600), **changes)


def _in_s(seconds: float) -> datetime:
    return HandClock().now() + timedelta(seconds=seconds)


def _sweep(own: World) -> None:
    own.runner.run(sweep(own.parts).steps, patience_s=0)


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


def test_a_filled_cell_that_is_put_back_is_decided_when_its_moment_has_come() -> None:
    answers = [found(domain="old.com"), RateLimited(_in_s(5)), found(domain="new.com")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, DOMAIN), runs=_patient()) as own:
        own.parts.breakers.force("by_email", "closed", hold=True)
        own.run()
        own.run(force=Force.RESPONSES)
        assert own.value("domain") == "old.com"
        own.clock.sleep(90)
        _sweep(own)

        assert own.value("domain") == "new.com"


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


def test_a_call_that_carries_many_rows_takes_one_start_of_the_limit() -> None:
    limits = (RateLimit(count=2, per_s=60),)
    provider = Scripted(replace(BY_EMAIL, bulk_size=2, limits=limits), {})
    emails = [f"{n}@acme.com" for n in range(4)]

    with world(provider, emails=emails, runs=_patient(batch_rows=10)) as own:
        own.run()

        assert len(provider.asked) == 4


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
