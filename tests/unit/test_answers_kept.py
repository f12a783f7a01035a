"""What was answered is kept: how long, for whom, and when it is asked for again."""

from dataclasses import replace

import pytest

from enrich.domain.cell_ends import STALE
from enrich.domain.outcome import (
    CreditsExhausted,
    Gone,
    InvalidInput,
    LegalBlock,
    Outcome,
    Unauthorized,
    Unavailable,
)
from enrich.domain.policy import CachePolicy
from enrich.domain.provider import Query, Tier
from enrich.domain.run import Force
from enrich.domain.table import CellState
from tests.asking import HandClock
from tests.unit.batches import BY_EMAIL, DOMAIN, EMAIL, KNOWS_ALL, found
from tests.unit.engine_world import Scripted, world


def test_what_was_answered_once_comes_from_the_cache() -> None:
    provider = Scripted(BY_EMAIL, KNOWS_ALL)

    with world(provider) as own:
        own.run()
        again = own.run(force=Force.CELLS)

        assert provider.asked == ["a@acme.com"]
        assert (again.counts.cache_hits, again.counts.provider_calls) == (1, 0)


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


def test_an_older_answer_stands_in_for_a_provider_that_is_down_and_is_marked() -> None:
    answers = [found(domain="acme.com"), Unavailable("refused")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, DOMAIN)) as own:
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

    with world(provider, columns=(EMAIL, DOMAIN)) as own:
        own.run()
        own.clock.sleep(7.5 * 86_400)

        assert own.run(force=Force.CELLS).counts.failed == 1


def test_an_older_answer_is_no_answer_to_who_forces_a_new_one() -> None:
    answers = [found(domain="acme.com"), Unavailable("refused")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, DOMAIN)) as own:
        own.run()

        assert own.run(force=Force.RESPONSES).counts.failed == 1


def test_an_answer_too_old_to_stand_in_is_a_failure() -> None:
    answers = [found(domain="acme.com"), Unavailable("refused")]
    provider = Scripted(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider, columns=(EMAIL, DOMAIN)) as own:
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
