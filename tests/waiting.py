"""Wait for a state, looking again and again, and never longer than it takes."""

import time
from collections.abc import Callable

__all__ = ["eventually"]


def eventually(holds: Callable[[], bool], *, within_s: float = 60.0, every_s: float = 0.02) -> bool:
    """Say whether a condition comes true in time."""
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(every_s)
    return True
