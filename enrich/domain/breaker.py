"""A provider's breaker, decided as pure functions of values; the time is an argument.

Every function gives the next breaker, and the `Change` when its state moved. Each move begins a new
generation; a report with a permit of an older one is dropped, so a late result decides nothing.
The Lua scripts in `enrich/state/lua/` decide the same; a test plays random histories to both.
"""

from dataclasses import replace
from datetime import datetime
from math import floor

from enrich.domain.breaker_values import (
    LONG_WAITS,
    MAX_DOUBLINGS,
    MOVES,
    Breaker,
    BreakerEvent,
    BreakerState,
    BreakerStatus,
    Change,
    Trial,
    in_ms,
    moment_of,
)
from enrich.domain.calls import CallReport, Permit, Refusal
from enrich.domain.policy import BreakerPolicy

__all__ = ["acquire", "force", "opening_wait_s", "release", "report", "status_of"]


def acquire(
    breaker: Breaker, policy: BreakerPolicy, *, want: int, token: str, now_s: float
) -> tuple[Breaker, Permit, Change | None]:
    """Ask leave for `want` calls, at least 1. Closed grants all, half open what is left to try."""
    now_s = max(in_ms(now_s), breaker.seen_s)
    change = None
    if breaker.state is BreakerState.OPEN and not breaker.held and now_s >= breaker.retry_at_s:
        breaker, change = _moved(breaker, BreakerEvent.WAITED, policy=policy, now_s=now_s)
    if breaker.state is BreakerState.CLOSED:
        return breaker, Permit(granted=want, generation=breaker.generation, token=token), change
    if breaker.state is BreakerState.OPEN:
        return breaker, _refused(breaker), change
    breaker, permit = _trial(breaker, policy, want=want, token=token, now_s=now_s)
    return breaker, permit, change


def report(
    breaker: Breaker, policy: BreakerPolicy, permit: Permit, calls: CallReport, *, now_s: float
) -> tuple[Breaker, Change | None]:
    """Take in how the calls of a permit went; of an older generation or a dead trial: nothing."""
    now_s = max(in_ms(now_s), breaker.seen_s)
    if permit.generation != breaker.generation or breaker.state is BreakerState.OPEN:
        return breaker, None
    granted = permit.granted
    if breaker.state is BreakerState.HALF_OPEN:
        granted = sum(t.calls for t in breaker.trials if _is_live(t, permit.token, now_s))
        if not granted:
            return breaker, None
    breaker = _counted(breaker, policy, calls, now_s=now_s)
    if breaker.held:
        return breaker, None
    if calls.trip is not None:
        return _tripped(breaker, policy, calls, now_s=now_s)
    failed = calls.failures + calls.slow > 0
    if breaker.state is BreakerState.CLOSED:
        opens = failed and _is_too_bad(breaker, policy, now_s=now_s)
        return _tripped(breaker, policy, calls, now_s=now_s) if opens else (breaker, None)
    if failed:
        return _tripped(breaker, policy, calls, now_s=now_s)
    left = tuple(trial for trial in breaker.trials if trial.token != permit.token)
    succeeded = breaker.succeeded + min(calls.successes, granted)
    breaker = replace(breaker, trials=left, succeeded=succeeded)
    if succeeded < policy.success_threshold:
        return breaker, None
    return _moved(breaker, BreakerEvent.PROVED, policy=policy, now_s=now_s)


def force(
    breaker: Breaker, policy: BreakerPolicy, *, state: BreakerState, hold: bool, now_s: float
) -> tuple[Breaker, Change]:
    """Set a state by hand: for one life, or when held until it is released."""
    now_s = max(in_ms(now_s), breaker.seen_s)
    event = BreakerEvent(f"forced_{state}")
    retry_at_s = in_ms(now_s + policy.reset_s)
    breaker = replace(breaker, held=hold, reason=Refusal.OPEN, retry_at_s=retry_at_s)
    return _moved(breaker, event, policy=policy, now_s=now_s)


def release(
    breaker: Breaker, policy: BreakerPolicy, *, now_s: float
) -> tuple[Breaker, Change | None]:
    """End a hold, so that the next acquire is a trial; without a hold nothing changes."""
    if not breaker.held:
        return breaker, None
    now_s = max(in_ms(now_s), breaker.seen_s)
    breaker = replace(breaker, held=False, reason=Refusal.OPEN, retry_at_s=now_s)
    return _moved(breaker, BreakerEvent.RELEASED, policy=policy, now_s=now_s)


def status_of(breaker: Breaker, policy: BreakerPolicy, *, key: str, now_s: float) -> BreakerStatus:
    """Describe a breaker; an open one whose wait has passed is open until somebody asks."""
    successes, failures = _counts(breaker, policy, max(in_ms(now_s), breaker.seen_s))
    is_open = breaker.state is BreakerState.OPEN
    return BreakerStatus(
        key=key,
        state=breaker.state.value,
        successes=successes,
        failures=failures,
        retry_at=moment_of(breaker.retry_at_s) if is_open and not breaker.held else None,
        reason=breaker.reason.value if is_open else "",
        held=breaker.held,
    )


def opening_wait_s(policy: BreakerPolicy, openings: int) -> float:
    """Say how long an opening lasts that follows `openings` others without a close between."""
    grown_ms = floor(round(policy.reset_s * 1000) * policy.backoff ** min(openings, MAX_DOUBLINGS))
    return in_ms(min(grown_ms / 1000, max(policy.max_reset_s, policy.reset_s)))


def _moved(
    breaker: Breaker, event: BreakerEvent, *, policy: BreakerPolicy, now_s: float
) -> tuple[Breaker, Change]:
    successes, failures = _counts(breaker, policy, now_s)
    after = MOVES[breaker.state, event]
    moved = replace(
        breaker,
        state=after,
        generation=breaker.generation + 1,
        seen_s=now_s,
        trials=(),
        succeeded=0,
    )
    if after is BreakerState.CLOSED:
        moved = replace(moved, window=(), openings=0)
    change = Change(
        event=event,
        before=breaker.state,
        after=after,
        reason=breaker.reason,
        successes=successes,
        failures=failures,
        retry_at=moment_of(moved.retry_at_s) if after is BreakerState.OPEN else None,
    )
    return moved, change


def _tripped(
    breaker: Breaker, policy: BreakerPolicy, calls: CallReport, *, now_s: float
) -> tuple[Breaker, Change]:
    if calls.trip is None:
        retry_at_s = in_ms(now_s + opening_wait_s(policy, breaker.openings))
        breaker = replace(
            breaker, reason=Refusal.OPEN, retry_at_s=retry_at_s, openings=breaker.openings + 1
        )
    else:
        breaker = _opened_long(breaker, policy, calls.trip, calls.trip_until, now_s=now_s)
    return _moved(breaker, BreakerEvent.TRIPPED, policy=policy, now_s=now_s)


def _opened_long(
    breaker: Breaker, policy: BreakerPolicy, trip: Refusal, until: datetime | None, *, now_s: float
) -> Breaker:
    wait, openings = LONG_WAITS[trip], breaker.openings
    until_s = in_ms(until.timestamp()) if until else 0.0
    if until_s <= now_s and wait.default_s is not None:
        until_s = in_ms(now_s + wait.default_s)
    elif until_s <= now_s:
        until_s = _credits_tried_at_s(policy, openings, now_s)
        openings += 1
    retry_at_s = min(until_s, in_ms(now_s + wait.cap_s))
    return replace(breaker, reason=trip, retry_at_s=retry_at_s, openings=openings)


def _credits_tried_at_s(policy: BreakerPolicy, openings: int, now_s: float) -> float:
    grown_s = policy.credits_retry_s * 2 ** min(openings, MAX_DOUBLINGS)
    midnight_s = (now_s // 86_400 + 1) * 86_400
    return min(midnight_s, in_ms(now_s + grown_s))


def _trial(
    breaker: Breaker, policy: BreakerPolicy, *, want: int, token: str, now_s: float
) -> tuple[Breaker, Permit]:
    live = tuple(trial for trial in breaker.trials if now_s < trial.until_s)
    left = policy.success_threshold - breaker.succeeded - sum(trial.calls for trial in live)
    granted = min(want, left)
    if granted <= 0:
        soonest_s = min((trial.until_s for trial in live), default=now_s)
        return breaker, _refused(breaker, retry_at_s=soonest_s)
    trial = Trial(token, granted, in_ms(now_s + policy.permit_s))
    breaker = replace(breaker, trials=(*live, trial), seen_s=now_s)
    return breaker, Permit(granted=granted, generation=breaker.generation, token=token)


def _refused(breaker: Breaker, *, retry_at_s: float | None = None) -> Permit:
    if breaker.state is BreakerState.HALF_OPEN:
        why = Refusal.HALF_OPEN
    else:
        why = Refusal.HELD if breaker.held else breaker.reason
    if retry_at_s is None and not breaker.held:
        retry_at_s = breaker.retry_at_s
    return Permit(
        granted=0,
        generation=breaker.generation,
        refusal=why,
        retry_at=None if retry_at_s is None else moment_of(retry_at_s),
    )


def _is_live(trial: Trial, token: str, now_s: float) -> bool:
    return trial.token == token and now_s < trial.until_s


def _counted(
    breaker: Breaker, policy: BreakerPolicy, calls: CallReport, *, now_s: float
) -> Breaker:
    failures = calls.failures + calls.slow
    if not calls.successes and not failures:
        return breaker
    start = _bucket(policy, now_s)
    kept = [b for b in breaker.window if b[0] > start - policy.window_s]
    if kept and kept[-1][0] >= start:
        start, before_ok, before_bad = kept.pop()
        kept.append((start, before_ok + calls.successes, before_bad + failures))
    else:
        kept.append((start, calls.successes, failures))
    return replace(breaker, window=tuple(kept), seen_s=now_s)


def _counts(breaker: Breaker, policy: BreakerPolicy, now_s: float) -> tuple[int, int]:
    oldest = _bucket(policy, now_s) - policy.window_s
    live = [bucket for bucket in breaker.window if bucket[0] > oldest]
    return sum(ok for _, ok, _ in live), sum(bad for _, _, bad in live)


def _bucket(policy: BreakerPolicy, now_s: float) -> int:
    """Give the second in which the bucket of a moment begins; a window has at most 60 of them."""
    width = -(-policy.window_s // 60)
    return int(now_s // width) * width


def _is_too_bad(breaker: Breaker, policy: BreakerPolicy, *, now_s: float) -> bool:
    successes, failures = _counts(breaker, policy, now_s)
    total = successes + failures
    return (
        failures >= policy.failure_threshold
        and total >= policy.minimum_requests
        and (policy.failure_rate is None or failures >= policy.failure_rate * total)
    )
