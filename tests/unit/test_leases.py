"""How waiters of a lease pace themselves."""

import pytest

from enrich.state.leases import poll_pause_s


@pytest.mark.parametrize(
    ("draw", "expected"), [(0.0, 0.24), (0.5, 0.3), (1.0, 0.36)], ids=["low", "middle", "high"]
)
def test_d08_polls_are_spread_by_a_fifth(draw: float, expected: float) -> None:
    assert poll_pause_s(draw) == pytest.approx(expected)


def test_d08_waiters_look_at_most_four_times_a_second_on_average() -> None:
    draws = [number / 100 for number in range(101)]

    assert 1 / (sum(map(poll_pause_s, draws)) / len(draws)) <= 4
