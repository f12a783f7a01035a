"""A second call where the first takes too long: whose answer is taken, and what is booked."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.domain.outcome import Outcome, Unavailable
from enrich.domain.provider import Answer, Charge, ProviderSpec, Query, Tier
from enrich.domain.rate import RateLimit
from enrich.engine.hedge import asked
from enrich.engine.hedges import Hedges
from enrich.engine.parts import Parts
from enrich.ports import Deadline
from tests.asking import far_deadline
from tests.unit.batches import found, spec
from tests.unit.engine_world import Counts, Scripted, world

SPEC = replace(spec("by_email", "email", "domain"), hedge=True)
PRICED = replace(SPEC, tier=Tier.CHEAP, price_microcredits=7, takes_key=True)
QUERY = Query(row=1, inputs={"email": "a@acme.com"})
FIRST, SECOND = found(domain="first.com"), found(domain="second.com")


class Stuck(Scripted):
    """A provider whose first call hangs until it is let go; the second one answers at once."""

    def __init__(self, own: ProviderSpec, *, second: Outcome = SECOND) -> None:
        super().__init__(own, {})
        self.second, self.let_go, self.calls = second, threading.Event(), 0
        self.both_asked = threading.Event()
        self._lock = threading.Lock()

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        with self._lock:
            self.calls += 1
            number = self.calls
        if number == 1:
            assert self.let_go.wait(60)
            return [Answer(outcome=FIRST, latency_s=9.0, cost_microcredits=7)]
        self.both_asked.set()
        return [Answer(outcome=self.second, latency_s=0.1, cost_microcredits=0)]

    def end_first_when_second_was_asked(self) -> None:
        assert self.both_asked.wait(60)
        self.let_go.set()


@contextmanager
def stuck(provider: Stuck, *, share: float = 1.0, seen: int = 40) -> Iterator[Parts]:
    """Give parts that know how long the provider takes: a millisecond."""
    with world(provider) as own:
        policies = own.parts.policies
        probes = replace(policies.probes, hedge_share=share)
        parts = replace(own.parts, policies=replace(policies, probes=probes))
        for _ in range(seen):
            parts.hedges.note("by_email", 0.001)
        yield parts
        provider.let_go.set()
        parts.hedges.close()


def test_an_answer_that_is_late_is_overtaken_and_both_calls_are_counted() -> None:
    provider = Stuck(SPEC)
    with stuck(provider) as parts:
        (answer,) = asked(parts, provider, [QUERY], far_deadline())

        assert answer.outcome == SECOND
        assert answer.calls == 2
        assert isinstance(parts.recorder, Counts)
        assert parts.recorder.totals["hedges"] == 1


def test_what_is_billed_once_is_priced_by_the_rule_whichever_answers() -> None:
    provider = Stuck(PRICED)
    with stuck(provider) as parts:
        (answer,) = asked(parts, provider, [QUERY], far_deadline())

    assert answer.outcome == SECOND
    assert answer.cost_microcredits is None


def test_a_second_call_that_fails_leaves_the_word_to_the_first() -> None:
    provider = Stuck(SPEC, second=Unavailable("down"))
    with stuck(provider) as parts:
        lets_go = threading.Thread(target=provider.end_first_when_second_was_asked)
        lets_go.start()
        (answer,) = asked(parts, provider, [QUERY], far_deadline())
        lets_go.join()

        assert (answer.outcome, answer.calls) == (FIRST, 2)
        (status,) = parts.breakers.status(["by_email"]).values()
        assert status.failures == 1


def test_the_call_that_was_overtaken_is_told_to_the_breaker_when_it_ends() -> None:
    provider = Stuck(SPEC)
    with stuck(provider) as parts:
        asked(parts, provider, [QUERY], far_deadline())
        before = parts.breakers.status(["by_email"])["by_email"].successes
        provider.let_go.set()
        parts.hedges.close(wait=True)

        assert parts.breakers.status(["by_email"])["by_email"].successes == before + 1


def _held(parts: Parts) -> None:
    parts.breakers.force("by_email", "open")


def _nothing(parts: Parts) -> None:
    pass


def _booked_out(parts: Parts) -> None:
    parts.governor.reserve("by_email", want=1, max_delay_s=0, limits=[RateLimit(1, 60.0)])


@pytest.mark.parametrize(
    ("own", "share", "seen", "prepare"),
    [
        (replace(SPEC, hedge=False), 1.0, 40, _nothing),
        (SPEC, 0.0, 40, _nothing),
        (SPEC, 0.05, 40, _nothing),
        (SPEC, 1.0, 39, _nothing),
        (SPEC, 1.0, 40, _held),
        (replace(SPEC, limits=(RateLimit(1, 60.0),)), 1.0, 40, _booked_out),
    ],
    ids=["not-allowed", "switched-off", "used-up", "too-little-known", "no-permit", "no-start"],
)
def test_there_is_no_second_call(
    own: ProviderSpec, share: float, seen: int, prepare: Callable[[Parts], None]
) -> None:
    provider = Stuck(own)
    with stuck(provider, share=share, seen=seen) as parts:
        prepare(parts)
        lets_go = threading.Timer(0.05, provider.let_go.set)
        lets_go.start()

        (answer,) = asked(parts, provider, [QUERY], far_deadline())
        lets_go.join()

    assert (answer.outcome, answer.calls, provider.calls) == (FIRST, 1, 1)


def test_leave_for_a_second_call_that_is_not_made_is_kept() -> None:
    provider = Stuck(SPEC)
    with stuck(provider) as parts:
        parts.breakers.force("by_email", "open")
        lets_go = threading.Timer(0.05, provider.let_go.set)
        lets_go.start()
        asked(parts, provider, [QUERY], far_deadline())
        lets_go.join()

        assert parts.hedges.spend("by_email")


def test_what_is_worked_on_already_is_asked_for_once() -> None:
    provider = Stuck(SPEC)
    provider.let_go.set()
    with stuck(provider) as parts:
        (answer,) = asked(parts, provider, [replace(QUERY, token="@job")], far_deadline())

    assert (answer.calls, provider.calls) == (1, 1)


@given(calls=st.integers(0, 300), share=st.sampled_from([0.0, 0.05, 0.3, 1.0]))
def test_second_calls_are_at_most_their_share(calls: int, share: float) -> None:
    hedges, second = Hedges(), 0
    for _ in range(calls):
        hedges.begin("by_email", share)
        second += hedges.spend("by_email")
    hedges.close()

    assert second <= share * calls + 1e-6


def test_a_second_call_is_due_when_95_of_100_were_back() -> None:
    hedges = Hedges()
    for number in range(1, 101):
        hedges.note("by_email", number / 100)

    assert hedges.begin("by_email", 0.05) == 0.95
    assert hedges.begin("another", 0.05) is None
    hedges.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"bulk_size": 10},
        {"price_microcredits": 5},
        {"price_microcredits": 5, "takes_key": True, "charge": Charge.ON_CALL},
    ],
    ids=["many-rows", "no-key", "billed-each-time"],
)
def test_what_would_be_paid_twice_cannot_be_allowed(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="hedge"):
        replace(SPEC, **changes)  # type: ignore[arg-type] # by name
