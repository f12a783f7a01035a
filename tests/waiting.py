"""Wait for a state in one way, and make addresses of Redis patient."""

import time
from collections.abc import Callable

__all__ = ["eventually", "patient"]

_PATIENCE_S = 30


def eventually(holds: Callable[[], bool], *, within_s: float = 60.0, every_s: float = 0.02) -> bool:
    """Say whether a condition comes true in time."""
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(every_s)
    return True


def patient(redis_url: str) -> str:
    """Give an address with which whoever reads it does without Redis only when that is away.

    By itself the program waits a quarter of a second, which a busy machine may outlast.
    """
    sign = "&" if "?" in redis_url else "?"
    return f"{redis_url}{sign}socket_timeout={_PATIENCE_S}&socket_connect_timeout={_PATIENCE_S}"
