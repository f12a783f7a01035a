"""The breaker's rules that need no store: its numbers, its table, and what feeds it."""

from datetime import UTC, datetime
from itertools import product

import pytest

from enrich.domain import breaker as decide
from enrich.domain.breaker_values import (
    MOVES,
    Breaker,
    BreakerEvent,
    BreakerState,
    check_policy,
    parse_forced,
)
from enrich.domain.calls import CallReport, Permit, Refusal, report_of
from enrich.domain.keys import breaker_key, provider_of
from enrich.domain.outcome import (
    CreditsExhausted,
    Found,
    Gone,
    InvalidInput,
    LegalBlock,
    Malformed,
    NotFound,
    Outcome,
    Pending,
    RateLimited,
    Skipped,
    Unauthorized,
    Unavailable,
)
from enrich.domain.policy import BreakerPolicy
from enrich.domain.values import Observation
from enrich.errors import BadInputError, SettingsError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 13, tzinfo=UTC)
POLICY = BreakerPolicy()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (BreakerPolicy(failure_threshold=0), r"breaker\.failure_threshold.*not 0"),
        (BreakerPolicy(minimum_requests=0), r"breaker\.minimum_requests.*not 0"),
        (BreakerPolicy(success_threshold=0), r"breaker\.success_threshold.*not 0"),
        (BreakerPolicy(window_s=0), r"breaker\.window_s.*not 0"),
        (BreakerPolicy(reset_s=-1.0), r"breaker\.reset_s.*not -1"),
        (BreakerPolicy(permit_s=0.0), r"breaker\.permit_s.*not 0"),
        (BreakerPolicy(backoff=0.5), r"breaker\.backoff.*not 0.5"),
        (BreakerPolicy(failure_rate=1.5), r"breaker\.failure_rate.*not 1.5"),
    ],
    ids=lambda value: value if isinstance(value, str) else "B02",
)
def test_b02_numbers_that_make_no_breaker_are_refused_by_name(
    policy: BreakerPolicy, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        check_policy(policy)


def test_b02_the_default_numbers_are_accepted_without_a_word() -> None:
    assert check_policy(POLICY) == ()


def test_b03_a_minimum_below_the_threshold_is_accepted_with_one_warning() -> None:
    warnings = check_policy(BreakerPolicy(failure_threshold=20))

    assert len(warnings) == 1
    assert "10 acts as 20" in warnings[0]


def test_b03_the_threshold_is_then_the_minimum() -> None:
    policy = BreakerPolicy(failure_threshold=20)

    _, before = _closed_with(policy, CallReport(failures=19))
    _, after = _closed_with(policy, CallReport(failures=20))

    assert (before, after) == (BreakerState.CLOSED, BreakerState.OPEN)


def test_every_force_is_possible_from_every_state() -> None:
    forced = [e for e in BreakerEvent if e.value.startswith("forced_")]

    targets = {MOVES[state, event] for state, event in product(BreakerState, forced)}

    assert targets == set(BreakerState)


def test_b10_the_event_tells_the_counts_that_opened_it() -> None:
    _, change = decide.report(
        Breaker(),
        POLICY,
        Permit(granted=11),
        CallReport(successes=6, failures=5),
        now_s=0.0,
    )

    assert change is not None
    assert (change.successes, change.failures) == (6, 5)


def test_b23_a_window_never_holds_more_than_120_counters() -> None:
    breaker = Breaker(held=True)
    for call in range(10_000):
        breaker, _ = decide.report(
            breaker, POLICY, Permit(granted=1), CallReport(failures=1), now_s=call * 0.012
        )

    assert len(breaker.window) * 2 == 120


def test_b23_a_long_window_has_wider_buckets() -> None:
    policy, breaker = BreakerPolicy(window_s=3600), Breaker(held=True)
    for second in range(3600):
        breaker, _ = decide.report(
            breaker, policy, Permit(granted=1), CallReport(successes=1), now_s=float(second)
        )

    assert len(breaker.window) == 60
    assert decide.status_of(breaker, policy, key="k", now_s=3599.0).successes == 3600


@pytest.mark.parametrize("state", ["", "banana", "Closed"])
def test_b65_only_a_state_can_be_forced(state: str) -> None:
    with pytest.raises(BadInputError, match="use closed, open, half_open"):
        parse_forced(state, hold=False)


@pytest.mark.parametrize(
    ("outcome", "report"),
    [
        pytest.param(Unavailable("timeout"), CallReport(failures=1), id="B50 unavailable"),
        pytest.param(Malformed("json"), CallReport(failures=1), id="B50 malformed"),
        pytest.param(
            Found({"city": Observation(value="Ulm", confidence=0.9)}),
            CallReport(successes=1),
            id="found",
        ),
        pytest.param(NotFound(), CallReport(successes=1), id="B51 not found"),
        pytest.param(Pending(LATER), CallReport(successes=1), id="B51 pending"),
        pytest.param(LegalBlock(), CallReport(successes=1), id="B51 legal block"),
        pytest.param(InvalidInput(), CallReport(ignored=1), id="B52 invalid input"),
        pytest.param(
            Unauthorized(), CallReport(ignored=1, trip=Refusal.AUTH), id="B53 unauthorized"
        ),
        pytest.param(
            RateLimited(LATER),
            CallReport(ignored=1, trip=Refusal.RATE, trip_until=LATER),
            id="B54 rate limited",
        ),
        pytest.param(Skipped("over_budget"), CallReport(ignored=1), id="B59 skipped"),
        pytest.param(
            CreditsExhausted(LATER),
            CallReport(ignored=1, trip=Refusal.CREDITS, trip_until=LATER),
            id="credits",
        ),
        pytest.param(Gone(), CallReport(ignored=1, trip=Refusal.GONE), id="gone"),
    ],
)
def test_each_outcome_tells_the_breaker_one_thing(outcome: Outcome, report: CallReport) -> None:
    assert report_of([(outcome, 0.1)]) == report


@pytest.mark.parametrize(
    ("slow_s", "report"),
    [
        pytest.param(None, CallReport(successes=1), id="B49 late but well"),
        pytest.param(9.9, CallReport(slow=1), id="at the limit of slow"),
        pytest.param(10.0, CallReport(successes=1), id="below it"),
    ],
)
def test_b49_an_answer_is_slow_only_by_the_policy(slow_s: float | None, report: CallReport) -> None:
    assert report_of([(NotFound(), 9.9)], slow_s=slow_s) == report


def test_of_several_reasons_the_gravest_speaks_with_its_latest_moment() -> None:
    report = report_of(
        [
            (RateLimited(LATER), 0.1),
            (CreditsExhausted(NOON), 0.1),
            (CreditsExhausted(LATER), 0.1),
            (Unavailable(), 0.1),
        ]
    )

    assert (report.trip, report.trip_until) == (Refusal.CREDITS, LATER)
    assert (report.failures, report.ignored) == (1, 3)


def test_a14_a_breaker_is_named_by_provider_and_credential() -> None:
    keys = {breaker_key("acme"), breaker_key("acme", "k1"), breaker_key("acme", "k2")}

    assert len(keys) == 3
    assert {provider_of(key) for key in keys} == {"acme"}


def _closed_with(policy: BreakerPolicy, calls: CallReport) -> tuple[Breaker, BreakerState]:
    breaker, _ = decide.report(Breaker(), policy, Permit(granted=calls.failures), calls, now_s=0.0)
    return breaker, breaker.state
