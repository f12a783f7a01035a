"""Which cells are open, and whom to ask about them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from enrich.domain.outcome import NotFound, Pending, RateLimited
from enrich.domain.provider import Tier
from enrich.domain.run import CellFilter, Force, RunOptions
from enrich.domain.table import CellState, Overwrite
from enrich.domain.waterfall import (
    first_providers,
    is_open,
    plan_waves,
    questions_for,
    waterfall_order,
)
from tests.unit.batches import (
    COMPANY,
    DOMAIN,
    EMAIL,
    NOW,
    batch,
    found,
    provenance,
    row,
    said,
    spec,
)

BY_EMAIL = spec("by_email", "email", "domain")
BY_DOMAIN = spec("by_domain", "domain", "company_name")
INPUTS = {"email": "a@acme.com"}


def test_an_empty_cell_is_open() -> None:
    assert is_open(row(email="a@acme.com"), DOMAIN, batch().run)


def test_a_typed_value_is_not_open_at_any_force() -> None:
    forced = batch(options=RunOptions(force=Force.RESPONSES)).run

    assert not is_open(row(domain="typed.com"), DOMAIN, forced)


def test_a_typed_value_is_open_to_force_where_its_column_gives_it_up() -> None:
    forced = batch(options=RunOptions(force=Force.CELLS)).run

    assert is_open(row(domain="typed.com"), replace(DOMAIN, overwrite=Overwrite.ALWAYS), forced)


def test_a_filled_cell_is_open_only_to_force() -> None:
    filled = row(domain="acme.com", cells={"domain": provenance()})

    assert not is_open(filled, DOMAIN, batch().run)
    assert is_open(filled, DOMAIN, batch(options=RunOptions(force=Force.CELLS)).run)


@pytest.mark.parametrize("state", [s for s in CellState if s is not CellState.FILLED])
def test_a_cell_without_a_value_is_open_whatever_its_last_end(state: CellState) -> None:
    assert is_open(row(cells={"domain": provenance(state)}), DOMAIN, batch().run)


def test_what_this_run_has_decided_is_not_open_again() -> None:
    decided = row(cells={"domain": provenance(CellState.NOT_FOUND, run=7)})

    assert not is_open(decided, DOMAIN, batch(options=RunOptions(force=Force.RESPONSES)).run)


def test_what_this_run_has_put_back_is_still_open() -> None:
    put_back = row(cells={"domain": provenance(CellState.PENDING, run=7)})

    assert is_open(put_back, DOMAIN, batch().run)


def test_a_newer_run_owns_the_cell() -> None:
    assert not is_open(row(cells={"domain": provenance(run=8)}), DOMAIN, batch().run)


@pytest.mark.parametrize(
    ("where", "matching"),
    [
        pytest.param(CellFilter(states=frozenset({"failed"})), {"failed"}, id="by state"),
        pytest.param(CellFilter(states=frozenset({"empty"})), {"empty"}, id="empty"),
        pytest.param(CellFilter(observed_before=NOW), {"old"}, id="by age"),
        pytest.param(CellFilter(confidence_below=0.95), {"old", "new"}, id="by confidence"),
    ],
)
def test_a_filter_takes_the_cells_that_match_it(where: CellFilter, matching: set[str]) -> None:
    view = batch(options=RunOptions(where=where)).run
    old = replace(provenance(), observed_at=NOW - timedelta(days=1))
    new = replace(provenance(), observed_at=NOW)
    rows = {
        "empty": row(),
        "failed": row(cells={"domain": provenance(CellState.FAILED)}),
        "old": row(domain="acme.com", cells={"domain": old}),
        "new": row(domain="acme.com", cells={"domain": new}),
    }

    assert {name for name, one in rows.items() if is_open(one, DOMAIN, view)} == matching


def test_only_rows_with_the_needed_inputs_are_asked_about() -> None:
    asked = questions_for(batch(row(1, email="a@acme.com"), row(2)), BY_EMAIL)

    assert [(q.row, q.inputs, q.wanted) for q in asked] == [(1, INPUTS, frozenset({"domain"}))]


def test_a_filled_cell_becomes_the_input_of_the_next_provider() -> None:
    one = row(email="a@acme.com", domain="acme.com", cells={"domain": provenance(run=7)})

    (query,) = questions_for(batch(one), BY_DOMAIN)

    assert query.inputs == {"domain": "acme.com"}


def test_nothing_is_asked_twice() -> None:
    known = said(BY_EMAIL, INPUTS, NotFound())

    assert questions_for(batch(row(email="a@acme.com"), responses=[known]), BY_EMAIL) == ()


def test_the_same_provider_is_asked_again_when_the_inputs_have_changed() -> None:
    known = said(BY_EMAIL, {"email": "old@acme.com"}, NotFound())

    assert len(questions_for(batch(row(email="a@acme.com"), responses=[known]), BY_EMAIL)) == 1


def test_a_provider_that_knew_the_row_is_not_asked_with_more_inputs() -> None:
    known = said(BY_EMAIL, {"email": "old@acme.com"}, found(company_name="Acme"))

    assert questions_for(batch(row(email="a@acme.com"), responses=[known]), BY_EMAIL) == ()


def test_what_a_limit_put_back_is_asked_by_the_next_attempt_only() -> None:
    later = said(BY_EMAIL, INPUTS, RateLimited(NOW))
    one = row(email="a@acme.com")

    assert questions_for(batch(one, responses=[later]), BY_EMAIL) == ()
    assert len(questions_for(batch(one, responses=[later], attempt=2), BY_EMAIL)) == 1


def test_the_typed_one_of_two_columns_of_a_field_is_the_input() -> None:
    typed = replace(DOMAIN, key="site", enriched=False, position=5)
    view = (EMAIL, DOMAIN, COMPANY, typed)
    one = row(domain="found.com", site="typed.com", cells={"domain": provenance()})

    (query,) = questions_for(batch(one, columns=view), BY_DOMAIN)

    assert query.inputs == {"domain": "typed.com"}


def test_providers_without_a_chance_are_left_out_of_the_first_wave() -> None:
    by_phone = spec("by_phone", "phone", "company_name")
    premium = spec("premium", "email", "company_name", tier=Tier.PREMIUM)

    named = first_providers(batch().run, [BY_EMAIL, BY_DOMAIN, by_phone, premium], RunOptions())

    assert named == ("by_domain", "by_email")


def test_the_sequential_waterfall_begins_with_the_cheapest_alone() -> None:
    cheap = spec("a_cheap", "email", "domain", tier=Tier.CHEAP, price=10)

    named = first_providers(batch().run, [cheap, BY_EMAIL], RunOptions(parallel_probes=False))

    assert named == ("by_email",)


def test_the_waterfall_goes_from_free_to_dear() -> None:
    specs = [
        spec("p", "email", "domain", tier=Tier.PREMIUM, price=1),
        spec("c2", "email", "domain", tier=Tier.CHEAP, price=2),
        spec("c1", "email", "domain", tier=Tier.CHEAP, price=1),
        spec("f", "email", "domain"),
    ]

    assert [s.name for s in waterfall_order(specs)] == ["f", "c1", "c2", "p"]


def test_waves_follow_the_dependencies() -> None:
    industry = spec("by_company", "company_name", "industry")

    waves = plan_waves(
        {"email"}, ["domain", "company_name", "industry", "phone"], [BY_EMAIL, BY_DOMAIN, industry]
    )

    assert waves == {"domain": 0, "company_name": 1, "industry": 2}


def test_a_value_that_is_to_be_decided_again_is_no_input() -> None:
    one = row(email="a@acme.com", domain="old.com", cells={"domain": provenance()})
    forced = batch(one, options=RunOptions(force=Force.CELLS))

    assert questions_for(forced, BY_DOMAIN) == ()


def test_a_question_that_is_worked_on_is_asked_again_by_its_token() -> None:
    begun = said(BY_EMAIL, INPUTS, Pending(NOW, "job-1"))
    again = replace(batch(row(**INPUTS)), tokens={(1, begun.input_key): "job-1"})

    (query,) = questions_for(again, BY_EMAIL)

    assert (query.token, query.tenant) == ("job-1", "default")


def test_a_token_is_not_taken_to_another_question() -> None:
    begun = said(BY_EMAIL, {"email": "b@acme.com"}, Pending(NOW, "job-1"))
    again = replace(batch(row(**INPUTS)), tokens={(1, begun.input_key): "job-1"})

    (query,) = questions_for(again, BY_EMAIL)

    assert query.token == ""
