"""How much a process has grown since it was warm."""

from statistics import median
from typing import Final

__all__ = ["LONG_ENOUGH_S", "WARM_AFTER_S", "Growth"]

#: By then all threads of a worker have begun and what is remembered within bounds has filled up.
WARM_AFTER_S: Final = 60.0
#: A shorter life tells of warming up and of nothing else.
LONG_ENOUGH_S: Final = 180.0
#: What is compared are medians over so many samples: one batch more or less under way is no growth.
_SAMPLES: Final = 10


class Growth:
    """Samples of memory by life: a process that comes after another is another life."""

    def __init__(self) -> None:
        self._seen: dict[object, list[tuple[float, int]]] = {}

    def add(self, life: object, at_s: float, size: int) -> None:
        """Take a sample, in any unit that stays the same; moments only increase."""
        self._seen.setdefault(life, []).append((at_s, size))

    def of_lives(self) -> list[float]:
        """Give the growth of each life that was long enough, the largest first; 0.1 is 10 %."""
        long = (seen for seen in self._seen.values() if _length_s(seen) >= LONG_ENOUGH_S)
        return sorted((_growth(seen) for seen in long), reverse=True)


def _length_s(seen: list[tuple[float, int]]) -> float:
    return seen[-1][0] - seen[0][0]


def _growth(seen: list[tuple[float, int]]) -> float:
    warm = [size for at_s, size in seen if at_s >= seen[0][0] + WARM_AFTER_S]
    return round(median(warm[-_SAMPLES:]) / median(warm[:_SAMPLES]) - 1, 3)
