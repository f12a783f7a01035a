"""Lifetimes and early refreshes."""

import math
import random

import pytest

from enrich.domain.freshness import is_due, jittered_ttl_s, refreshes_early


@pytest.mark.parametrize(
    ("draw", "expected"),
    [(0.0, 3240.0), (0.5, 3600.0), (1.0, 3960.0)],
    ids=["low", "middle", "high"],
)
def test_a_lifetime_is_spread_by_its_share(draw: float, expected: float) -> None:
    assert jittered_ttl_s(3600, 0.1, draw) == pytest.approx(expected)


def test_c06_a_thousand_entries_end_over_at_least_300_seconds() -> None:
    source = random.Random(6)

    ends_s = [jittered_ttl_s(3600, 0.1, source.random()) for _ in range(1000)]

    assert max(ends_s) - min(ends_s) >= 300


@pytest.mark.parametrize("times", [1, 2, 3, 5], ids=lambda times: f"{times}-fetching-times-left")
def test_c16_the_chance_of_an_early_refresh_falls_with_what_is_left(times: int) -> None:
    source = random.Random(16)

    early = sum(
        refreshes_early(remaining_s=2.0 * times, took_s=2.0, beta=1.0, draw=source.random())
        for _ in range(100_000)
    )

    assert early / 100_000 == pytest.approx(math.exp(-times), abs=0.01)


@pytest.mark.parametrize(
    ("took_s", "beta"),
    [(10.0, 0.0), (None, 1.0), (0.0, 1.0)],
    ids=["beta-zero", "nobody-knows-how-long", "takes-no-time"],
)
def test_c17_there_is_no_early_refresh(took_s: float | None, beta: float) -> None:
    assert not refreshes_early(remaining_s=0.001, took_s=took_s, beta=beta, draw=1e-9)


def test_c17_a_draw_of_zero_is_no_error() -> None:
    assert refreshes_early(remaining_s=1.0, took_s=1.0, beta=1.0, draw=0.0)


def test_c17_a_draw_of_one_never_refreshes_early() -> None:
    assert not refreshes_early(remaining_s=0.001, took_s=1.0, beta=1.0, draw=1.0)


@pytest.mark.parametrize(("age_s", "due"), [(49.9, False), (50.0, True)], ids=["before", "at"])
def test_a_value_is_due_from_its_soft_ttl_on(age_s: float, due: bool) -> None:
    assert due is is_due(
        age_s=age_s, remaining_s=50.0, soft_ttl_s=50.0, took_s=None, beta=1.0, draw=lambda: 0.5
    )
