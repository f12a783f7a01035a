"""Whatever is asked of a governor, its starts keep every limit in every window."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.domain.rate import RateLimit, RateState, cool_down, reserve

NOON_US = int(datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp()) * 1_000_000

#: A busy machine is slow, not wrong.
unhurried = settings(deadline=None)

LIMITS = st.lists(
    st.builds(RateLimit, st.integers(1, 30), st.sampled_from([0.25, 1.0, 2.0, 10.0, 60.0, 3600.0])),
    min_size=1,
    max_size=4,
    unique_by=lambda limit: limit.per_s,
)
ASKS = st.lists(
    st.tuples(
        st.integers(0, 20_000_000),
        st.integers(1, 50),
        st.sampled_from([0.0, 1.0, 10.0]),
        st.sampled_from("abc"),
    ),
    min_size=1,
    max_size=40,
)


def book(limits: Sequence[RateLimit], asks: list[tuple[int, int, float, str]]) -> list[int]:
    """Give the starts, in µs, that come of asking one after another."""
    state, now_us, starts = RateState(), NOON_US, []
    for pause_us, want, ahead_s, tenant in asks:
        now_us += pause_us
        state, slots = reserve(
            state, limits, want=want, max_delay_s=ahead_s, tenant=tenant, now_us=now_us
        )
        starts += [now_us + round(delay_s * 1_000_000) for delay_s in slots.delays_s]
    return starts


@unhurried
@given(limits=LIMITS, asks=ASKS)
def test_no_window_of_any_limit_holds_more_than_its_count(
    limits: list[RateLimit], asks: list[tuple[int, int, float, str]]
) -> None:
    starts = book(limits, asks)

    fullest = {limit: _fullest_window(starts, limit.per_us) for limit in limits}

    assert all(fullest[limit] <= limit.count for limit in limits)


@unhurried
@given(limits=LIMITS, asks=ASKS)
def test_starts_are_booked_in_the_order_of_time(
    limits: list[RateLimit], asks: list[tuple[int, int, float, str]]
) -> None:
    assert all(earlier <= later for earlier, later in pairwise(book(limits, asks)))


@unhurried
@given(
    count=st.integers(1, 5),
    asks=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=30),
)
def test_no_day_holds_more_than_its_quota(count: int, asks: list[tuple[int, int]]) -> None:
    quarter_day_us = 6 * 3_600_000_000
    limit = RateLimit(count, 86_400.0)

    starts = book([limit], [(hours * quarter_day_us, want, 10.0, "a") for hours, want in asks])

    assert max(Counter(start // limit.per_us for start in starts).values(), default=0) <= count


@unhurried
@given(
    limit=st.builds(
        RateLimit, st.integers(1, 200), st.sampled_from([0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 3600.0])
    )
)
def test_a_steady_asker_gets_85_percent_of_what_a_limit_allows(limit: RateLimit) -> None:
    spans = 20
    asks = [(round(limit.per_us / 4), 200, limit.per_s, "a") for _ in range(4 * spans)]

    starts = book([limit], asks)

    assert len(starts) >= 0.85 * limit.count * spans


@unhurried
@given(pause_us=st.integers(0, 59_000_000), retry_s=st.floats(0.1, 3600))
def test_no_start_is_booked_before_the_moment_that_the_provider_named(
    pause_us: int, retry_s: float
) -> None:
    retry_us = NOON_US + round(retry_s * 1_000_000)
    state = cool_down(RateState(), retry_us=retry_us, now_us=NOON_US)

    now_us = NOON_US + pause_us
    _, slots = reserve(
        state, [RateLimit(20, 1.0)], want=9, max_delay_s=60.0, tenant="a", now_us=now_us
    )

    assert all(now_us + round(delay_s * 1_000_000) >= retry_us for delay_s in slots.delays_s)


@pytest.mark.parametrize(("count", "per_s"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0)])
def test_a_limit_without_a_count_or_a_time_is_refused(count: int, per_s: float) -> None:
    with pytest.raises(ValueError, match="rate limit"):
        RateLimit(count, per_s)


def _fullest_window(starts: list[int], length_us: int) -> int:
    """Count the starts in the fullest of the windows that a start opens; they are in order."""
    return max(
        (bisect_left(starts, start + length_us) - at for at, start in enumerate(starts)), default=0
    )
