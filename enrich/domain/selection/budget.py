"""A budget as a price: the more of it is gone for what is done, the dearer is what is left."""

from math import exp

from enrich.domain.run import Progress

__all__ = ["allowance", "price_factor"]

#: How sharply the price rises with each share of the budget that was spent too early.
_SHARPEST = 70.0
#: The same for short runs: by how many batches they have, so that prices do not swing.
_BY_BATCH = 1.4
#: A batch may take so many times its part before it is cut.
_UNEVEN = 2.0


def price_factor(progress: Progress, cap_microcredits: int | None) -> float:
    """Say how much dearer money is than its face: 1 while spending keeps to the plan."""
    if cap_microcredits is None or progress.total <= 0:
        return 1.0
    if cap_microcredits <= 0:
        return exp(_SHARPEST)
    ahead = progress.spent_microcredits / cap_microcredits - progress.ended / progress.total
    steep = min(_SHARPEST, _BY_BATCH * progress.total)
    return exp(min(20.0, max(0.0, steep * ahead)))


def allowance(progress: Progress, cap_microcredits: int | None) -> float | None:
    """Give what one batch may spend at most, in micro-credits; None: there is no limit."""
    if cap_microcredits is None:
        return None
    left = max(0, cap_microcredits - progress.spent_microcredits)
    batches = max(1, progress.total - progress.ended)
    return min(left, _UNEVEN * left / batches)
