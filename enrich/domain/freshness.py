"""How long something counts as known, and when one of its readers asks again before that."""

import math
from collections.abc import Callable

__all__ = ["is_due", "jittered_ttl_s", "refreshes_early"]


def jittered_ttl_s(ttl_s: float, share: float, draw: float) -> float:
    """Spread a lifetime by ± `share` of it, so that what came together does not end together.

    `draw` is uniform within 0 and 1; 0.5 changes nothing.
    """
    return ttl_s * (1.0 + share * (2.0 * draw - 1.0))


def refreshes_early(*, remaining_s: float, took_s: float | None, beta: float, draw: float) -> bool:
    """Say whether this reader fetches anew although the value still counts (XFetch).

    The chance is exp(−remaining / (beta × took)): what takes long to fetch is fetched earlier.
    Never when `beta` is 0 or nobody knows how long it takes. `draw` is uniform within 0 and 1.
    """
    if beta <= 0.0 or took_s is None or took_s <= 0.0:
        return False
    # A draw of 0 would ask for the logarithm of 0; the smallest float stands for it.
    return -beta * took_s * math.log(max(draw, 5e-324)) >= remaining_s


def is_due(
    *,
    age_s: float,
    remaining_s: float,
    soft_ttl_s: float | None,
    took_s: float | None,
    beta: float,
    draw: Callable[[], float],
) -> bool:
    """Say whether a value that still counts should be fetched anew meanwhile."""
    if soft_ttl_s is not None and age_s >= soft_ttl_s:
        return True
    return refreshes_early(remaining_s=remaining_s, took_s=took_s, beta=beta, draw=draw())
