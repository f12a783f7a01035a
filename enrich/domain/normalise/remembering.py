"""Remembering what was read, within bounds that hold whatever is read."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

__all__ = ["MOST_LONG", "MOST_SHORT", "remembering"]

T = TypeVar("T")

#: Providers repeat one another within a row, and rows within a batch: what is older is read anew.
MOST_SHORT: Final = 4_096
#: A description weighs as much as a hundred names, and no other row has the same.
MOST_LONG: Final = 64
_SHORT: Final = 256
_LONG: Final = 8_192


def remembering(read: Callable[[str], T]) -> Callable[[str], T]:
    """Give a function that reads a text once, while it is among the last that were asked for.

    Short texts, long ones and very long ones are told apart: of the first the last `MOST_SHORT` are
    kept, of the second the last `MOST_LONG`, of the others none.
    """
    short, long = lru_cache(MOST_SHORT)(read), lru_cache(MOST_LONG)(read)

    def remembered(text: str) -> T:
        if len(text) <= _SHORT:
            return short(text)
        return long(text) if len(text) <= _LONG else read(text)

    return remembered
