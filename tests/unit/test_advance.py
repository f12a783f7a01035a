"""What becomes of a batch when its providers have answered."""

from dataclasses import replace
from datetime import timedelta

import pytest

from enrich.domain.advance import Decision, advance
from enrich.domain.endings import NO_INPUT
from enrich.domain.outcome import NotFound, Outcome, RateLimited, Skipped, Unavailable
from enrich.domain.policy import FusionPolicy, RunPolicy
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.run import Force, OpenBatch, Phase, RunOptions
from enrich.domain.table import CellState
from tests.unit.batches import NOW, batch, found, provenance, row, said, spec

FREE = spec("free", "email", "domain")
CHEAP = spec("cheap", "email", "domain", tier=Tier.CHEAP, price=10)
PREMIUM = spec("premium", "email", "domain", tier=Tier.PREMIUM, price=100)
BY_DOMAIN = spec("by_domain", "domain", "company_name")
INPUTS = {"email": "a@acme.com"}
ROW = row(email="a@acme.com")


def decide(world: OpenBatch, *specs: ProviderSpec) -> Decision:
    return advance(world, specs, fusion=FusionPolicy(), runs=RunPolicy(), now=NOW)


def after(outcome: Outcome, *, wanted: tuple[str, ...] = ("domain",)) -> OpenBatch:
    return batch(ROW, responses=[said(FREE, INPUTS, outcome)], wanted=wanted)


def test_an_accepted_value_is_written_and_ends_the_batch() -> None:
    decision = decide(after(found(domain="acme.com")), FREE)

    (write,) = decision.writes
    assert decision.phase is Phase.DONE
    assert (write.value, write.provenance.state) == ("acme.com", CellState.FILLED)
    assert (write.provenance.provider, write.provenance.confidence) == ("free", 0.9)


def test_a_value_that_unlocks_a_provider_leads_to_another_wave() -> None:
    world = after(found(domain="acme.com"), wanted=("domain", "company"))

    decision = decide(world, FREE, BY_DOMAIN)

    assert (decision.phase, decision.wave, decision.providers) == (Phase.PROBE, 1, ("by_domain",))
    assert [write.column for write in decision.writes] == ["domain"]


def test_premium_is_asked_only_for_what_is_unresolved() -> None:
    assert decide(after(NotFound()), FREE, PREMIUM).phase is Phase.PREMIUM
    assert decide(after(found(domain="acme.com")), FREE, PREMIUM).phase is Phase.DONE


def test_premium_waits_for_every_cheaper_wave() -> None:
    decision = decide(after(NotFound()), FREE, CHEAP, PREMIUM)

    assert (decision.phase, decision.providers) == (Phase.PROBE, ("cheap",))


def test_the_sequential_waterfall_asks_one_after_the_other() -> None:
    world = batch(ROW, wanted=("domain",), options=RunOptions(parallel_probes=False))

    assert decide(world, CHEAP, FREE).providers == ("free",)


def test_premium_questions_that_were_not_needed_are_counted() -> None:
    assert decide(after(found(domain="acme.com")), FREE, PREMIUM).counts.premium_saved == 1


@pytest.mark.parametrize(
    ("stood", "changed"),
    [("old.com", 1), ("acme.com", 0), ("", 0), (None, 0)],
    ids=["another value", "the same value", "blank", "nothing"],
)
def test_a_cell_counts_as_changed_when_another_value_stood_there(
    stood: str | None, changed: int
) -> None:
    before = row(email="a@acme.com", domain=stood, cells={"domain": provenance()})
    answers = [said(FREE, INPUTS, found(domain="acme.com"))]

    again = RunOptions(force=Force.CELLS)
    world = batch(before, responses=answers, wanted=("domain",), options=again)
    counts = decide(world, FREE).counts

    assert (counts.filled, counts.changed) == (1, changed)


def test_a_doubtful_value_stands_in_the_end_with_its_honest_confidence() -> None:
    (write,) = decide(after(found(0.3, domain="acme.com")), FREE).writes

    assert (write.value, write.provenance.confidence) == ("acme.com", 0.3)


def test_nobody_knew_is_not_found() -> None:
    (write,) = decide(after(NotFound()), FREE).writes

    assert write.provenance.state is CellState.NOT_FOUND


def test_a_provider_that_failed_makes_the_end_a_failure_and_says_who() -> None:
    (write,) = decide(after(Unavailable("timed out")), FREE).writes

    assert write.provenance.state is CellState.FAILED
    assert write.provenance.reason == "free: unavailable (timed out)"


def test_a_cell_that_nobody_was_asked_about_is_skipped_and_says_what_it_needs() -> None:
    other = spec("other", "email first_name+phone", "domain")

    (write,) = decide(batch(row(), wanted=("domain",)), FREE, other).writes

    assert write.provenance.state is CellState.SKIPPED
    assert write.provenance.reason == f"{NO_INPUT} (needs email or first_name with phone)"


def test_a_field_that_nobody_gives_is_named() -> None:
    (write,) = decide(batch(row(email="a@acme.com"), wanted=("domain",))).writes

    assert write.provenance.reason == "no provider gives the field 'domain'"


def test_an_open_breaker_skips_and_says_until_when() -> None:
    until = NOW + timedelta(seconds=30)

    (write,) = decide(after(Skipped("breaker open", until)), FREE).writes

    assert (write.provenance.state, write.provenance.retry_at) == (CellState.SKIPPED, until)


def test_a_limit_puts_the_row_back_and_marks_it_pending() -> None:
    soon = NOW + timedelta(seconds=5)

    decision = decide(after(RateLimited(soon)), FREE, PREMIUM)

    (write,) = decision.writes
    assert (decision.phase, decision.waiting, decision.ready_at) == (Phase.DONE, (1,), soon)
    assert (write.provenance.state, write.provenance.retry_at) == (CellState.PENDING, soon)
    assert decision.counts.pending == 0


def test_a_limit_far_away_ends_the_cell_pending() -> None:
    tomorrow = NOW + timedelta(days=1)

    decision = decide(after(RateLimited(tomorrow)), FREE)

    assert (decision.waiting, decision.counts.pending) == ((), 1)


def test_a_batch_whose_probes_never_answer_ends_all_the_same() -> None:
    world = batch(ROW, wanted=("domain",))
    endless = replace(world, ref=replace(world.ref, wave=50))

    assert decide(endless, FREE).phase is Phase.DONE


def test_rows_that_wait_do_not_hold_the_others() -> None:
    world = batch(
        ROW,
        row(2, email="b@acme.com"),
        responses=[
            said(FREE, INPUTS, RateLimited(NOW)),
            said(FREE, {"email": "b@acme.com"}, found(domain="acme.com"), number=2),
        ],
        wanted=("domain",),
    )

    decision = decide(world, FREE)

    states = {write.row: write.provenance.state for write in decision.writes}
    assert states == {1: CellState.PENDING, 2: CellState.FILLED}


def test_what_the_ledger_says_of_this_batch_is_counted_once() -> None:
    own = said(FREE, INPUTS, found(domain="acme.com"))
    world = batch(
        ROW,
        responses=[replace(own, batch=1, cost_microcredits=5, calls=1), replace(own, batch=2)],
        wanted=("domain",),
    )

    counts = decide(world, FREE).counts

    assert (counts.provider_calls, counts.cost_microcredits, counts.cache_hits) == (1, 5, 0)
