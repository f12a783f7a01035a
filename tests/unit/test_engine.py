"""The use cases, from a request to the cells, over the in-memory twins."""

from dataclasses import replace

import pytest

from enrich.domain.outcome import (
    InvalidInput,
    Outcome,
    Skipped,
    Unavailable,
)
from enrich.domain.policy import RunPolicy
from enrich.domain.provider import Query, Tier
from enrich.domain.run import CellFilter, Force, RunState, StepKind
from enrich.domain.table import CellState
from enrich.engine.fuse import fuse
from enrich.engine.probe import probe
from enrich.engine.submit import RunRequest, submit
from enrich.errors import BadInputError, UnknownNameError
from tests.unit.batches import BY_EMAIL, DOMAIN, EMAIL, KNOWS_ALL, found, spec
from tests.unit.engine_world import Scripted, world

BY_DOMAIN = spec("by_domain", "domain", "company_name")


KNOWS = {"a@acme.com": found(domain="acme.com")}


def test_a_filled_cell_leads_to_the_next_wave() -> None:
    by_domain = Scripted(BY_DOMAIN, {"acme.com": found(company_name="Acme")})

    with world(Scripted(BY_EMAIL, KNOWS), by_domain) as own:
        summary = own.run()

        assert (own.value("domain"), own.value("company")) == ("acme.com", "Acme")
        assert (summary.state, summary.counts.filled) == (RunState.DONE, 2)


def test_a_run_leaves_filled_cells_alone() -> None:
    with world(Scripted(BY_EMAIL, KNOWS_ALL)) as own:
        own.run()
        before = own.row()
        own.run()

        assert own.row() == before


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

    with world(*asked, emails=emails, columns=(EMAIL, DOMAIN)) as own:
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
        Scripted(BY_EMAIL, {}),
        emails=emails,
        runs=RunPolicy(batch_rows=2, max_batches_in_flight=1, max_wait_s=3600),
    ) as own:
        summary = own.run()

        assert (summary.state, summary.batches["done"]) == (RunState.DONE, 5)


def test_an_unknown_column_is_named_with_its_nearest() -> None:
    with world() as own, pytest.raises(UnknownNameError, match="did you mean 'domain'"):
        submit(own.parts, RunRequest(table="t", columns=("domian",)))


def test_a_table_without_enriched_columns_says_what_to_do() -> None:
    with world(columns=(EMAIL,)) as own, pytest.raises(BadInputError, match="enrich columns"):
        own.submit()


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


def test_a_redelivered_fusion_of_a_run_that_has_ended_says_so_again() -> None:
    with world(Scripted(BY_EMAIL, KNOWS_ALL)) as own:
        _, (step,) = own.submit()
        probe(own.parts, step, "by_email")

        assert fuse(own.parts, step).finished == fuse(own.parts, step).finished
