"""A wave that the cache knows all about needs no probes; of any other it begins them."""

from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from enrich.domain.policy import CachePolicy, RunPolicy, SingleflightPolicy
from enrich.domain.run import Force, Step
from enrich.engine.beginning import begin_wave
from enrich.engine.fuse import Fusion, fuse
from enrich.engine.probe import probe
from tests.unit.batches import found, spec
from tests.unit.engine_world import Scripted, World, world

EMAILS = tuple(f"{number}@acme.com" for number in range(20))
FIRST = spec("first", "email", "domain")
SECOND = spec("second", "email", "domain company_name")
KNOWING = {email: found(domain="acme.com") for email in EMAILS}
#: All rows in one batch.
WHOLE = RunPolicy(batch_rows=50, max_wait_s=0)


def by_probes(own: World, step: Step) -> Fusion:
    for provider in step.providers:
        probe(own.parts, step, provider)
    return fuse(own.parts, step)


def known_world(
    *providers: Scripted, cache: CachePolicy | None = None
) -> AbstractContextManager[World]:
    return world(*providers, emails=EMAILS, runs=WHOLE, cache=cache)


def test_what_the_cache_knows_is_written_and_ends_the_run_with_nobody_asked() -> None:
    first, second = Scripted(FIRST, KNOWING), Scripted(SECOND, {})
    with known_world(first, second) as own:
        own.run()
        asked = len(first.asked) + len(second.asked)
        run_id, (step,) = own.submit(force=Force.CELLS)

        begun = begin_wave(own.parts, step)

        assert (begun.steps, begun.finished is not None) == ((), True)
        assert len(first.asked) + len(second.asked) == asked
        summary = own.parts.runs.summary("default", run_id)
        assert (summary.counts.filled, summary.counts.cache_hits) == (20, 40)
        assert own.value("domain", "r20") == "acme.com"


def test_it_leaves_the_ledger_and_the_rows_as_probes_and_a_fusion_do() -> None:
    def end(*, begins: bool) -> object:
        with known_world(Scripted(FIRST, KNOWING), Scripted(SECOND, {})) as own:
            own.run()
            _, (step,) = own.submit(force=Force.CELLS)
            begin_wave(own.parts, step) if begins else by_probes(own, step)
            lines = sorted(map(repr, own.database.ledger.values()))
            return lines, [own.row(f"r{number}") for number in range(1, 21)]

    assert end(begins=True) == end(begins=False)


def test_of_what_nobody_was_asked_about_the_probes_are_due() -> None:
    first = Scripted(FIRST, KNOWING)
    with known_world(first) as own:
        _, (step,) = own.submit()

        begun = begin_wave(own.parts, step)

        assert begun.steps == (replace(step, is_begun=True),)
        assert not first.asked
        assert not own.database.ledger


def test_what_is_known_of_some_rows_goes_into_the_ledger_and_the_rest_is_asked() -> None:
    first, second = Scripted(FIRST, KNOWING), Scripted(SECOND, {})
    with known_world(first, second) as own:
        _, (step,) = own.submit()
        probe(own.parts, step, "first")
        own.parts.runs.cancel("default", step.batch.run_id)
        _, (again,) = own.submit()

        (probes,) = begin_wave(own.parts, again).steps
        assert probes == replace(again, is_begun=True)
        recorded = [line for _, _, line in own.database.ledger.values() if line.from_cache]
        by_probes(own, probes)

        assert {line.provider for line in recorded} == {"first"}
        assert (len(recorded), len(first.asked), len(second.asked)) == (20, 20, 20)


@pytest.mark.parametrize(
    ("cache", "force"),
    [
        pytest.param(CachePolicy(enabled=False), Force.CELLS, id="no cache"),
        pytest.param(CachePolicy(), Force.RESPONSES, id="a run that asks everybody"),
    ],
)
def test_nothing_is_looked_up_where_nothing_that_is_cached_would_do(
    cache: CachePolicy, force: Force
) -> None:
    first = Scripted(FIRST, KNOWING)
    with known_world(first, cache=cache) as own:
        own.run()
        _, (step,) = own.submit(force=force)

        (probes,) = begin_wave(own.parts, step).steps
        by_probes(own, probes)

        assert len(first.asked) == 40


def test_a_wave_that_was_begun_before_is_begun_no_more() -> None:
    with known_world(Scripted(FIRST, KNOWING)) as own:
        own.run()
        _, (step,) = own.submit(force=Force.CELLS)
        first = begin_wave(own.parts, step)
        again = begin_wave(own.parts, step)

        assert again == first
        assert again.finished is not None


@pytest.mark.parametrize("has_leases", [True, False], ids=["under a lease", "without leases"])
def test_probes_of_a_begun_wave_find_what_was_cached_meanwhile(has_leases: bool) -> None:
    first = Scripted(FIRST, KNOWING)
    with known_world(first) as own:
        flights = SingleflightPolicy(enabled=has_leases)
        parts = replace(own.parts, policies=replace(own.parts.policies, singleflight=flights))
        _, (step,) = own.submit()
        (probes,) = begin_wave(parts, step).steps
        _, (other,) = own.submit()
        probe(parts, other, "first")

        probe(parts, probes, "first")

        assert len(first.asked) == 20


def test_an_answer_that_is_due_is_asked_for_anew_behind_a_begun_waves_back() -> None:
    # In one request, which needs no further thread.
    first = Scripted(replace(FIRST, bulk_size=20), KNOWING)
    with known_world(first, cache=CachePolicy(soft_ttl_s=60)) as own:
        _, (step,) = own.submit()
        (probes,) = begin_wave(own.parts, step).steps
        _, (other,) = own.submit()
        probe(own.parts, other, "first")
        own.clock.sleep(61)

        probe(own.parts, probes, "first")
        own.parts.calls.shutdown(wait=True)

    lines = [line for run, _, line in own.database.ledger.values() if run == step.batch.run_id]
    assert [line.from_cache for line in lines] == [True] * 20
    assert len(first.asked) == 40


def test_a_provider_that_this_worker_does_not_know_is_left_to_its_probe() -> None:
    first, second = Scripted(FIRST, KNOWING), Scripted(SECOND, {})
    with known_world(first, second) as own:
        own.run()
        _, (step,) = own.submit(force=Force.CELLS)
        older = replace(own.parts, providers={"first": first})

        assert begin_wave(older, step).steps == (replace(step, is_begun=True),)
