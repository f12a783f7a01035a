"""Asking one provider one question, for tests."""

from datetime import UTC, datetime, timedelta

from enrich.domain.outcome import Found, Outcome
from enrich.domain.provider import Query
from enrich.domain.values import Json
from enrich.ports.outside import Deadline, Provider

__all__ = ["HandClock", "answer_of", "confidence_of", "far_deadline", "values_of"]

_START = datetime(2026, 1, 1, tzinfo=UTC)


class HandClock:
    """A clock that stands until it is moved; sleeping moves it."""

    def __init__(self) -> None:
        """Start at zero."""
        self.passed_s = 0.0

    def now(self) -> datetime:
        """Give the start plus what has passed."""
        return _START + timedelta(seconds=self.passed_s)

    def monotonic_s(self) -> float:
        """Give the seconds that have passed."""
        return self.passed_s

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.passed_s += seconds


def far_deadline() -> Deadline:
    """Give a deadline that no test reaches."""
    return Deadline(float("inf"))


def answer_of(provider: Provider, **inputs: Json) -> Outcome:
    """Ask about one row."""
    (answer,) = provider.ask([Query(row=1, inputs=inputs)], far_deadline())
    return answer.outcome


def values_of(provider: Provider, **inputs: Json) -> dict[str, Json]:
    """Ask about one row; the values found, none when nothing was."""
    outcome = answer_of(provider, **inputs)
    if not isinstance(outcome, Found):
        return {}
    return {field: seen.value for field, seen in outcome.observations.items()}


def confidence_of(provider: Provider, field: str, **inputs: Json) -> float:
    """Ask about one row; the confidence of one field, 0 when it was not found."""
    outcome = answer_of(provider, **inputs)
    seen = outcome.observations.get(field) if isinstance(outcome, Found) else None
    return seen.confidence if seen else 0.0
