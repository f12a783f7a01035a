"""When calls may start under a provider's limits: pure functions; the time is an argument.

Starts are booked in the order of time, so a limit holds when the windows that end at a new start
hold. A limit is kept in one of three ways, by its length:

    up to a second     paced: starts keep a distance, so one that is late breaks nothing
    up to a day        counted in about fifty buckets; a bucket that touches a window counts whole
    a day and longer   counted by the calendar in UTC, as such quotas are

Moments are whole microseconds since the epoch (`*_us`); the Lua scripts decide the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

__all__ = [
    "Kind",
    "RateLimit",
    "RateState",
    "Slots",
    "calendar_window_us",
    "cool_down",
    "pace_us",
    "reserve",
]

_DAY_US = 86_400_000_000
_BUCKETS = 50
#: After the moment when it should come back, a refused tenant still competes for so long; within
#: the shorter time it is thought to be on its way, and is let go first.
_COMPETES_US = 30_000_000
_EXPECTED_US = 1_000_000
#: Who was refused shall not ask again at once.
_SOONEST_US = 100_000
#: Resets this close are the same; providers round them, or count them from their own now.
_SAME_RESET_US = 2_000_000
#: No word of a provider stops us for longer: some send garbage.
_LONGEST_BLOCK_US = 3_600_000_000


class Kind(StrEnum):
    """How a limit is kept."""

    PACED = "paced"
    BUCKETS = "buckets"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` starts in any `per_s` seconds; from a day on: in any day or month of UTC."""

    count: int
    per_s: float

    def __post_init__(self) -> None:
        if self.count < 1 or self.per_s <= 0:
            msg = f"a rate limit needs a count and a time, not {self.count} in {self.per_s} s"
            raise ValueError(msg)

    @property
    def per_us(self) -> int:
        """The length in microseconds."""
        return round(self.per_s * 1_000_000)

    @property
    def margin_us(self) -> int:
        """What is added to the length, because calls do not arrive as evenly as they start."""
        return min(self.per_us // 10, 500_000)

    @property
    def kind(self) -> Kind:
        """How it is kept."""
        if self.per_us <= 1_000_000:
            return Kind.PACED
        return Kind.CALENDAR if self.per_us >= _DAY_US else Kind.BUCKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """When calls may start: `delays_s` for those granted, in order; `retry_at` for the rest."""

    delays_s: tuple[float, ...]
    refused: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant that was refused: its share is used up until `spent_us`; due back at `back_us`.

    `back_us` is 0 when it got all that it wanted: it does not compete.
    """

    spent_us: int
    back_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateState:
    """What is booked at one provider key.

    Attributes:
        last_us: the latest start booked; none is ever booked before it.
        blocked_us: the provider's word: nobody starts before.
        left: calls that the provider said are left until `left_until_us`.
        used: by limit: (0, next start) when paced, (bucket, starts) …, or (window begin, starts).
        tenants: those who compete, by name.
    """

    last_us: int = 0
    blocked_us: int = 0
    left: int = 0
    left_until_us: int = 0
    used: Mapping[RateLimit, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    tenants: Mapping[str, Tenant] = field(default_factory=dict)


def reserve(
    state: RateState,
    limits: Sequence[RateLimit],
    *,
    want: int,
    max_delay_s: float,
    tenant: str,
    now_us: int,
) -> tuple[RateState, Slots]:
    """Book up to `want` starts within `max_delay_s`.

    While others wait, a tenant books ahead no more than its share of the rate. When that is used up
    it may take what they leave idle: at the even pace, half as far ahead, and after them.
    """
    horizon_us = now_us + round(max_delay_s * 1_000_000)
    half_us = (horizon_us - now_us) // 2
    rivals = _rivals(state, tenant, now_us)
    known = state.tenants.get(tenant)
    spent_us = max(known.spent_us, now_us) if known else now_us
    pace, cost_us = pace_us(limits), pace_us(limits) * (1 + len(rivals))
    starts: list[int] = []
    start_us = now_us
    while len(starts) < want:
        start_us, by_us = _earliest(state, limits, now_us=now_us), horizon_us
        if rivals and spent_us > horizon_us:
            start_us, by_us = max(start_us, state.last_us + pace), now_us + half_us
            if _is_after_others(rivals, spent_us, now_us):
                start_us = max(start_us, spent_us)
        if start_us > by_us:
            break
        state = _booked(state, limits, start_us)
        starts.append(start_us)
        spent_us += cost_us
    refused = want - len(starts)
    # Half a horizon early, so that the line of booked starts does not run dry meanwhile.
    back_us = max(start_us - half_us, min(start_us, now_us + _SOONEST_US)) if refused else 0
    place = Tenant(min(spent_us, horizon_us + max(half_us, 2 * cost_us)), back_us)
    slots = _slots([start - now_us for start in starts], refused=refused, back_us=back_us)
    return replace(state, tenants={**_remembered(state, now_us), tenant: place}), slots


def cool_down(
    state: RateState,
    *,
    retry_us: int = 0,
    remaining: int | None = None,
    reset_us: int = 0,
    now_us: int,
) -> RateState:
    """Take the provider's word: nobody starts before `retry_us`, `remaining` until `reset_us`.

    What it says is left does not know of calls under way, so the lower number holds.
    """
    retry_us = min(retry_us, now_us + _LONGEST_BLOCK_US)
    if retry_us > now_us:
        state = replace(state, blocked_us=max(state.blocked_us, retry_us))
    is_late = reset_us < state.left_until_us - _SAME_RESET_US
    if remaining is None or reset_us <= now_us or is_late:
        return state
    if reset_us <= state.left_until_us + _SAME_RESET_US:
        remaining = min(remaining, state.left)
    return replace(state, left=remaining, left_until_us=reset_us)


def pace_us(limits: Sequence[RateLimit]) -> int:
    """Give the distance of starts that all limits but those of the calendar allow for ever."""
    return max(
        (-(-_span_us(x) // x.count) for x in limits if x.kind is not Kind.CALENDAR), default=0
    )


def calendar_window_us(limit: RateLimit, at_us: int) -> tuple[int, int]:
    """Give begin and end of the day, or of the month when the limit is for 28 days or more."""
    if limit.per_us < 28 * _DAY_US:
        begin_us = at_us // limit.per_us * limit.per_us
        return begin_us, begin_us + limit.per_us
    first = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(
        day=1, hour=0, minute=0, second=0
    )
    following = (first + timedelta(days=32)).replace(day=1)
    return int(first.timestamp()) * 1_000_000, int(following.timestamp()) * 1_000_000


def _slots(delays_us: Sequence[int], *, refused: int, back_us: int) -> Slots:
    return Slots(
        delays_s=tuple(delay_us / 1_000_000 for delay_us in delays_us),
        refused=refused,
        retry_at=_moment(back_us) if refused else None,
    )


def _rivals(state: RateState, tenant: str, now_us: int) -> tuple[Tenant, ...]:
    return tuple(
        other
        for name, other in state.tenants.items()
        if name != tenant and other.back_us + _COMPETES_US >= now_us
    )


def _is_after_others(rivals: Sequence[Tenant], spent_us: int, now_us: int) -> bool:
    return any(
        other.spent_us < spent_us and other.back_us + _EXPECTED_US >= now_us for other in rivals
    )


def _remembered(state: RateState, now_us: int) -> dict[str, Tenant]:
    return {
        name: place
        for name, place in state.tenants.items()
        if max(place.spent_us, place.back_us + _COMPETES_US) >= now_us
    }


def _span_us(limit: RateLimit) -> int:
    return limit.per_us + limit.margin_us


def _earliest(state: RateState, limits: Sequence[RateLimit], *, now_us: int) -> int:
    start_us = max(now_us, state.last_us, state.blocked_us)
    if state.left <= 0:
        start_us = max(start_us, state.left_until_us)
    # Each limit allows every later start too, so the latest of them suits all.
    return max((_allowed(state.used.get(x, ()), x, start_us) for x in limits), default=start_us)


def _allowed(used: tuple[tuple[int, int], ...], limit: RateLimit, start_us: int) -> int:
    if not used:
        return start_us
    if limit.kind is Kind.PACED:
        return max(start_us, used[0][1])
    if limit.kind is Kind.CALENDAR:
        begin_us, count = used[0]
        end_us = calendar_window_us(limit, begin_us)[1]
        return max(start_us, begin_us) if count < limit.count else max(start_us, end_us)
    return _allowed_by_buckets(used, limit, start_us)


def _allowed_by_buckets(used: tuple[tuple[int, int], ...], limit: RateLimit, start_us: int) -> int:
    live, span_us = sum(count for _, count in used), _span_us(limit)
    width_us = span_us // _BUCKETS
    for bucket, count in used:
        if bucket >= (start_us - span_us) // width_us:
            if live < limit.count:
                return start_us
            start_us = (bucket + 1) * width_us + span_us
        live -= count
    return start_us


def _booked(state: RateState, limits: Sequence[RateLimit], start_us: int) -> RateState:
    used = {x: _used(state.used.get(x, ()), x, start_us) for x in limits}
    left = state.left - 1 if start_us < state.left_until_us else 0
    return replace(state, last_us=start_us, used=used, left=left)


def _used(
    used: tuple[tuple[int, int], ...], limit: RateLimit, start_us: int
) -> tuple[tuple[int, int], ...]:
    if limit.kind is Kind.PACED:
        return ((0, start_us + -(-_span_us(limit) // limit.count)),)
    if limit.kind is Kind.CALENDAR:
        mark, oldest = calendar_window_us(limit, start_us)[0], 0
    else:
        width_us = _span_us(limit) // _BUCKETS
        mark, oldest = start_us // width_us, (start_us - _span_us(limit)) // width_us
    kept = tuple(entry for entry in used if entry[0] >= oldest)
    if limit.kind is Kind.CALENDAR:
        kept = tuple(entry for entry in kept if entry[0] == mark)
    if kept and kept[-1][0] == mark:
        return (*kept[:-1], (mark, kept[-1][1] + 1))
    return (*kept, (mark, 1))


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC) + timedelta(
        microseconds=at_us % 1_000_000
    )
