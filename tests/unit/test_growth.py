"""What counts as growth of a process, and what does not."""

import pytest

from tests.faults.growth import LONG_ENOUGH_S, WARM_AFTER_S, Growth

_LIFE_S = int(LONG_ENOUGH_S)


def test_growth_is_counted_from_when_a_process_is_warm() -> None:
    growth = Growth()
    for at_s in range(_LIFE_S + 1):
        growth.add("a", at_s, 200 if at_s < WARM_AFTER_S else 100)
    for at_s in range(_LIFE_S, _LIFE_S + 20):
        growth.add("a", at_s, 120)

    assert growth.of_lives() == [0.2]


def test_one_large_sample_is_no_growth() -> None:
    growth = Growth()
    for at_s in range(_LIFE_S):
        growth.add("a", at_s, 100)
    growth.add("a", _LIFE_S, 500)

    assert growth.of_lives() == [0.0]


@pytest.mark.parametrize(
    ("seconds", "lives"), [(_LIFE_S, 2), (_LIFE_S - 1, 0)], ids=["long", "short"]
)
def test_lives_are_kept_apart_and_short_ones_left_out(seconds: int, lives: int) -> None:
    growth = Growth()
    for at_s in range(seconds + 1):
        growth.add("small", at_s, 100)
        growth.add("large", at_s, 300)

    assert growth.of_lives() == [0.0] * lives
