"""A call that is late for its booked start does not leave with those booked behind it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import inf

import pytest

from enrich.domain.outcome import DEADLINE, NotFound, Outcome, Skipped
from enrich.domain.provider import Query
from enrich.domain.rate import RateLimit
from enrich.engine.pace import Starts, ask_paced
from enrich.ports import Deadline
from tests.asking import HandClock, far_deadline
from tests.unit.batches import spec
from tests.unit.engine_world import Counts, Scripted, world

_SPEC = replace(spec("by_email", "email", "domain"), max_concurrent=1)
_QUERIES = [Query(row=n, inputs={"email": f"{n}@acme.com"}) for n in (1, 2, 3)]
_LATER = Skipped("late", datetime(2026, 1, 1, tzinfo=UTC))


def _ask(
    first_takes_s: float, late_s: float, again: Callable[[HandClock], float | Skipped]
) -> tuple[Sequence[Outcome], list[str]]:
    """Ask about three rows that are due at once; give the outcomes, and who was asked in turn."""
    clocks: list[HandClock] = []

    def slow_at_first(_query: Query) -> Outcome:
        clocks[0].sleep(first_takes_s if len(provider.asked) == 1 else 0.0)
        return NotFound()

    provider = Scripted(_SPEC, slow_at_first)
    with world(provider) as own:
        clocks.append(own.clock)
        starts = Starts(at_s=(0.0, 0.0, 0.0), late_s=late_s, again=lambda: again(own.clock))
        answers = ask_paced(own.parts, provider, _QUERIES, starts, far_deadline())
    return [answer.outcome for answer in answers], provider.asked


@pytest.mark.parametrize(("first_takes_s", "late_s"), [(0.05, 0.05), (9.0, inf)])
def test_call_within_its_tolerance_leaves(first_takes_s: float, late_s: float) -> None:
    outcomes, asked = _ask(first_takes_s, late_s, lambda _clock: _LATER)

    assert outcomes == [NotFound()] * 3
    assert len(asked) == 3


def test_late_call_is_not_made_when_there_is_no_later_start() -> None:
    outcomes, asked = _ask(0.06, 0.05, lambda _clock: _LATER)

    assert outcomes == [NotFound(), _LATER, _LATER]
    assert asked == ["1@acme.com"]


def test_late_call_is_made_at_a_start_booked_anew() -> None:
    outcomes, asked = _ask(0.06, 0.05, lambda clock: clock.monotonic_s())

    assert outcomes == [NotFound()] * 3
    assert asked == ["1@acme.com", "2@acme.com", "3@acme.com"]


def test_late_calls_do_not_wait_for_each_other_for_ever() -> None:
    booked: list[float] = []

    def slowly(clock: HandClock) -> float | Skipped:
        assert len(booked) < 10
        clock.sleep(0.06)
        booked.append(clock.monotonic_s())
        return booked[-1]

    outcomes, asked = _ask(0.06, 0.05, slowly)

    assert outcomes == [NotFound()] * 3
    assert (len(asked), len(booked)) == (3, 2)


def test_late_call_books_nothing_when_its_time_is_over() -> None:
    provider = Scripted(_SPEC, {})
    with world(provider) as own:
        own.clock.sleep(10.0)
        starts = Starts(at_s=(0.0,), late_s=0.05, again=lambda: pytest.fail("a start is wasted"))
        (answer,) = ask_paced(own.parts, provider, _QUERIES[:1], starts, Deadline(9.0))

    assert (answer.outcome, answer.calls) == (Skipped(DEADLINE), 0)


def test_late_call_keeps_its_place_in_a_limit_of_days() -> None:
    clocks: list[HandClock] = []

    def slow(_query: Query) -> Outcome:
        clocks[0].sleep(3.0)
        return NotFound()

    provider = Scripted(replace(_SPEC, limits=(RateLimit(count=2, per_s=86_400.0),)), slow)
    with world(provider, emails=["a@acme.com", "b@acme.com"]) as own:
        clocks.append(own.clock)
        own.run()

    assert provider.asked == ["a@acme.com", "b@acme.com"]


def test_late_call_takes_another_start_of_the_providers_limit() -> None:
    clocks: list[HandClock] = []

    def slow(_query: Query) -> Outcome:
        clocks[0].sleep(3.0)
        return NotFound()

    provider = Scripted(replace(_SPEC, limits=(RateLimit(count=1000, per_s=1.0),)), slow)
    with world(provider, emails=["a@acme.com", "b@acme.com"]) as own:
        clocks.append(own.clock)
        own.run()
        counts = own.parts.recorder

    assert provider.asked == ["a@acme.com", "b@acme.com"]
    assert isinstance(counts, Counts)
    assert counts.totals["calls_late"] == 1
