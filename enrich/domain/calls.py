"""Leave to call a provider, and what the calls tell its breaker about the provider's health."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from enrich.domain.outcome import (
    CreditsExhausted,
    Gone,
    Outcome,
    OutcomeKind,
    RateLimited,
    Unauthorized,
)

__all__ = ["CallReport", "Permit", "Refusal", "report_of", "reports_by_key"]


class Refusal(StrEnum):
    """Why a breaker lets nobody through."""

    OPEN = "open"
    HALF_OPEN = "half_open"
    HELD = "held"
    CREDITS = "credits"
    AUTH = "auth"
    RATE = "rate"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Leave to make `granted` calls; `generation` lets the breaker drop a late report.

    With `granted` 0 nobody may call until `retry_at`, because of `refusal`.
    """

    granted: int
    generation: int = 0
    token: str = ""
    refusal: Refusal | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """How the calls of a permit went. `trip` opens the long breaker until `trip_until`.

    A slow call is an answer that came too late to be of use: it counts as a failure. Calls that are
    reported under none of the heads were not made; their permits return.
    """

    successes: int = 0
    failures: int = 0
    ignored: int = 0
    slow: int = 0
    trip: Refusal | None = None
    trip_until: datetime | None = None


_SUCCESSES = frozenset(
    {OutcomeKind.FOUND, OutcomeKind.NOT_FOUND, OutcomeKind.PENDING, OutcomeKind.LEGAL_BLOCK}
)
_FAILURES = frozenset({OutcomeKind.UNAVAILABLE, OutcomeKind.MALFORMED})
_ABOUT_THE_KEY = frozenset({OutcomeKind.UNAUTHORIZED, OutcomeKind.CREDITS_EXHAUSTED})

#: When one batch brings several reasons, the one that lasts longest speaks.
_GRAVITY = (Refusal.RATE, Refusal.CREDITS, Refusal.AUTH, Refusal.GONE)


def report_of(
    outcomes: Sequence[tuple[Outcome, float]], *, slow_s: float | None = None
) -> CallReport:
    """Sum up outcomes and their latencies in seconds; one is slow at `slow_s` or more.

    What was our own choice or the row's own fault says nothing about the provider: ignored.
    """
    successes = failures = ignored = slow = 0
    for outcome, latency_s in outcomes:
        if outcome.kind in _FAILURES:
            failures += 1
        elif outcome.kind not in _SUCCESSES:
            ignored += 1
        elif slow_s is not None and latency_s >= slow_s:
            slow += 1
        else:
            successes += 1
    trip, until = _gravest([word for outcome, _ in outcomes if (word := _trip_of(outcome))])
    return CallReport(
        successes=successes,
        failures=failures,
        ignored=ignored,
        slow=slow,
        trip=trip,
        trip_until=until,
    )


def reports_by_key(
    outcomes: Sequence[tuple[Outcome, float]], *, slow_s: float | None = None
) -> tuple[CallReport, CallReport]:
    """Sum up for two breakers: the provider's, and that of the credential it was asked with.

    A key that is refused or used up says nothing about the provider, which other tenants ask too;
    and a provider that fails says nothing about the key.
    """
    of_key = [each for each in outcomes if each[0].kind in _ABOUT_THE_KEY]
    others = [each for each in outcomes if each[0].kind not in _ABOUT_THE_KEY]
    of_provider = report_of(others, slow_s=slow_s)
    trip, until = _gravest([word for outcome, _ in of_key if (word := _trip_of(outcome))])
    answered = of_provider.successes
    return (
        replace(of_provider, ignored=of_provider.ignored + len(of_key)),
        CallReport(
            successes=answered, ignored=len(outcomes) - answered, trip=trip, trip_until=until
        ),
    )


def _trip_of(outcome: Outcome) -> tuple[Refusal, datetime | None] | None:
    match outcome:
        case RateLimited(retry_at=moment):
            return Refusal.RATE, moment
        case CreditsExhausted(reset_at=later):
            return Refusal.CREDITS, later
        case Unauthorized():
            return Refusal.AUTH, None
        case Gone():
            return Refusal.GONE, None
        case _:
            return None


def _gravest(
    trips: Sequence[tuple[Refusal, datetime | None]],
) -> tuple[Refusal | None, datetime | None]:
    if not trips:
        return None, None
    gravest = max((trip for trip, _ in trips), key=_GRAVITY.index)
    moments = [until for trip, until in trips if trip is gravest and until is not None]
    return gravest, max(moments, default=None)
