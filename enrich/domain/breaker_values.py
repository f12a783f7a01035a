"""What a breaker is: its states, the table of its moves, and the numbers that rule it.

Moments are epoch seconds kept to the millisecond, as Redis keeps them, so that the Lua scripts and
these functions agree to the last bit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from enrich.domain.calls import Refusal
from enrich.domain.policy import BreakerPolicy
from enrich.errors import BadInputError, SettingsError

__all__ = [
    "LONG_WAITS",
    "MAX_DOUBLINGS",
    "MOVES",
    "Breaker",
    "BreakerEvent",
    "BreakerState",
    "BreakerStatus",
    "Change",
    "LongWait",
    "Trial",
    "check_policy",
    "in_ms",
    "moment_of",
    "parse_forced",
]


class BreakerState(StrEnum):
    """What a breaker does with who asks: lets through, refuses, lets a few try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerEvent(StrEnum):
    """What moves a breaker."""

    TRIPPED = "tripped"
    WAITED = "waited"
    PROVED = "proved"
    FORCED_OPEN = "forced_open"
    FORCED_HALF_OPEN = "forced_half_open"
    FORCED_CLOSED = "forced_closed"
    RELEASED = "released"


MOVES = {
    (BreakerState.CLOSED, BreakerEvent.TRIPPED): BreakerState.OPEN,
    (BreakerState.OPEN, BreakerEvent.WAITED): BreakerState.HALF_OPEN,
    (BreakerState.HALF_OPEN, BreakerEvent.TRIPPED): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, BreakerEvent.PROVED): BreakerState.CLOSED,
    (BreakerState.CLOSED, BreakerEvent.FORCED_OPEN): BreakerState.OPEN,
    (BreakerState.OPEN, BreakerEvent.FORCED_OPEN): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, BreakerEvent.FORCED_OPEN): BreakerState.OPEN,
    (BreakerState.CLOSED, BreakerEvent.FORCED_HALF_OPEN): BreakerState.HALF_OPEN,
    (BreakerState.OPEN, BreakerEvent.FORCED_HALF_OPEN): BreakerState.HALF_OPEN,
    (BreakerState.HALF_OPEN, BreakerEvent.FORCED_HALF_OPEN): BreakerState.HALF_OPEN,
    (BreakerState.CLOSED, BreakerEvent.FORCED_CLOSED): BreakerState.CLOSED,
    (BreakerState.OPEN, BreakerEvent.FORCED_CLOSED): BreakerState.CLOSED,
    (BreakerState.HALF_OPEN, BreakerEvent.FORCED_CLOSED): BreakerState.CLOSED,
    (BreakerState.CLOSED, BreakerEvent.RELEASED): BreakerState.OPEN,
    (BreakerState.OPEN, BreakerEvent.RELEASED): BreakerState.OPEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LongWait:
    """How long a provider's own word keeps it closed to us.

    `default_s` is for a word without a usable moment; None means as long as the policy's credits
    wait has grown to, and at most until the next midnight in UTC, when most allowances are renewed.
    """

    default_s: float | None
    cap_s: float


LONG_WAITS = {
    Refusal.RATE: LongWait(default_s=30.0, cap_s=3600.0),
    Refusal.CREDITS: LongWait(default_s=None, cap_s=31 * 86_400.0),
    Refusal.AUTH: LongWait(default_s=300.0, cap_s=300.0),
    Refusal.GONE: LongWait(default_s=86_400.0, cap_s=86_400.0),
}

#: Beyond this many openings in a row back-off has met its cap, whatever the factor.
MAX_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Trial:
    """Calls let through half open; they return by themselves at `until_s`, if nobody reports."""

    token: str
    calls: int
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """All that one breaker knows.

    Attributes:
        generation: grows with every move; permits carry it.
        seen_s: the latest moment written; a clock that steps back stands still instead.
        window: (second, successes, failures) in order of time; at most 60 of them.
        trials: live permits of a half-open breaker; with `succeeded` never above the threshold.
        reason: why it is open.
        openings: in a row, without a close between; what back-off grows by.
        held: pinned by hand until released.
    """

    state: BreakerState = BreakerState.CLOSED
    generation: int = 0
    seen_s: float = 0.0
    window: tuple[tuple[int, int, int], ...] = ()
    trials: tuple[Trial, ...] = ()
    succeeded: int = 0
    retry_at_s: float = 0.0
    reason: Refusal = Refusal.OPEN
    openings: int = 0
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStatus:
    """A breaker as operators see it; reading it changes nothing."""

    key: str
    state: str
    successes: int
    failures: int
    retry_at: datetime | None = None
    reason: str = ""
    held: bool = False

    @property
    def error_rate(self) -> float | None:
        """Share of failures in the window; None when nothing was counted."""
        total = self.successes + self.failures
        return self.failures / total if total else None

    def is_shut(self, now: datetime) -> bool:
        """Say whether it lets nobody through; one whose wait is over has to be tried."""
        if self.state != BreakerState.OPEN:
            return False
        return self.held or self.retry_at is None or self.retry_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A move, with the counts that led to it."""

    event: BreakerEvent
    before: BreakerState
    after: BreakerState
    reason: Refusal
    successes: int
    failures: int
    retry_at: datetime | None = None


def check_policy(policy: BreakerPolicy) -> tuple[str, ...]:
    """Refuse numbers that make no breaker; give warnings about those that are adjusted.

    Raises:
        SettingsError: names the setting and its value.
    """
    rate = 1.0 if policy.failure_rate is None else policy.failure_rate
    rules = (
        ("failure_threshold", policy.failure_threshold >= 1, "at least 1"),
        ("minimum_requests", policy.minimum_requests >= 1, "at least 1"),
        ("success_threshold", policy.success_threshold >= 1, "at least 1"),
        ("window_s", 1 <= policy.window_s <= 86_400, "from 1 to 86400"),
        ("reset_s", policy.reset_s >= 0, "at least 0"),
        ("permit_s", policy.permit_s > 0, "above 0"),
        ("backoff", 1 <= policy.backoff <= 10, "from 1 to 10"),
        ("max_reset_s", policy.max_reset_s >= 0, "at least 0"),
        ("credits_retry_s", policy.credits_retry_s >= 1, "at least 1"),
        ("failure_rate", 0 < rate <= 1, "above 0 and at most 1"),
    )
    for name, holds, wanted in rules:
        if not holds:
            raise SettingsError(f"breaker.{name}", f"must be {wanted}, not {getattr(policy, name)}")
    if policy.failure_threshold > policy.minimum_requests:
        minimum = f"{policy.minimum_requests} acts as {policy.failure_threshold}"
        return (f"breaker.minimum_requests {minimum}: fewer calls cannot hold that many failures",)
    return ()


def parse_forced(state: str, *, hold: bool) -> BreakerState:
    """Read the name of a state that is set by hand.

    Raises:
        BadInputError: it is no state, or one that cannot be held.
    """
    if state not in tuple(BreakerState):
        known = ", ".join(BreakerState)
        raise BadInputError("state", f"{state!r} is no state of a breaker", hint=f"use {known}")
    if hold and state == BreakerState.HALF_OPEN:
        raise BadInputError("hold", "half_open cannot be held", hint="hold open or closed")
    return BreakerState(state)


def in_ms(moment_s: float) -> float:
    """Keep a moment or a duration in seconds to the millisecond."""
    return round(moment_s, 3)


def moment_of(moment_s: float) -> datetime:
    """Turn epoch seconds into an aware moment."""
    return datetime.fromtimestamp(moment_s, UTC)
