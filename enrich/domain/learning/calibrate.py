"""Make a confidence mean what it says, from answers that were foretold without being seen."""

import numpy as np

from enrich.domain.learning.evidence import Flags, Floats, Ints, sums

__all__ = ["isotonic", "sharpness"]

#: Blocks of equal confidence hold at least so much evidence.
_BLOCK = 50.0
_GRID = np.exp(np.linspace(np.log(0.2), np.log(2.0), 47))


def sharpness(scores: Floats, cell_of: Ints, is_open: Flags, weights: Floats) -> float:
    """Give the factor on all scores under which what is open to be true is likeliest.

    `scores` holds those of all candidates of all cells, "none of these" among them. Nothing said is
    taken as 1, and it takes evidence to move from there.
    """
    losses = [_loss(scores * t, cell_of, is_open, weights) + np.log(t) ** 2 for t in _GRID]
    return round(float(_GRID[int(np.argmin(losses))]), 6)


def _loss(scores: Floats, cell_of: Ints, is_open: Flags, weights: Floats) -> float:
    count = len(weights)
    most = np.full(count, -np.inf)
    np.maximum.at(most, cell_of, scores)
    parts = np.exp(scores - most[cell_of])
    chance = sums(cell_of, np.where(is_open, parts, 0.0), count)
    total = sums(cell_of, parts, count)
    return -float(weights @ np.log(np.maximum(chance / total, 1e-12)))


def isotonic(confidence: Floats, right: Floats, weights: Floats) -> tuple[tuple[float, float], ...]:
    """Give rising pairs of (confidence, share that was right) by pooling adjacent violators."""
    order = np.argsort(confidence, kind="stable")
    blocks: list[list[float]] = []
    for x, y, w in zip(confidence[order], right[order], weights[order], strict=True):
        blocks.append([w, w * x, w * y])
        while len(blocks) > 1 and _must_join(blocks[-2], blocks[-1]):
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    if len(blocks) > 1 and blocks[-1][0] < _BLOCK:
        last = blocks.pop()
        blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    return tuple(
        (round(float(sx / w), 9), round(float((sy + 0.5) / (w + 1.0)), 9)) for w, sx, sy in blocks
    )


def _must_join(left: list[float], right: list[float]) -> bool:
    return left[0] < _BLOCK or left[2] / left[0] >= right[2] / right[0]
