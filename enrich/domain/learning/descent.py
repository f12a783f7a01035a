"""Find the least of a smooth function: limited-memory BFGS, the same steps for the same input."""

from collections.abc import Callable

import numpy as np

from enrich.domain.learning.evidence import Floats

__all__ = ["least_of"]

_MEMORY = 10
_STEPS = 200
_ENOUGH = 1e-7

Slope = Callable[[Floats], tuple[float, Floats]]


def least_of(function: Slope, start: Floats) -> Floats:
    """Give the point where `function` (value and gradient) is least, from `start` downhill."""
    point, (value, slope) = start, function(start)
    moves: list[tuple[Floats, Floats]] = []
    for _ in range(_STEPS):
        direction = _direction(slope, moves)
        found = _step(function, point, value, direction, float(slope @ direction))
        if found is None:
            break
        new, new_value, new_slope = found
        move = (new - point, new_slope - slope)
        if float(move[0] @ move[1]) > 1e-12:
            moves = [*moves, move][-_MEMORY:]
        is_done = value - new_value <= _ENOUGH * max(1.0, abs(value))
        point, value, slope = new, new_value, new_slope
        if is_done:
            break
    return point


def _direction(slope: Floats, moves: list[tuple[Floats, Floats]]) -> Floats:
    rest, shares = slope.copy(), []
    for step, change in reversed(moves):
        share = float(step @ rest) / float(change @ step)
        shares.append(share)
        rest -= share * change
    if moves:
        step, change = moves[-1]
        rest *= float(step @ change) / float(change @ change)
    else:
        rest /= max(1.0, float(np.sqrt(slope @ slope)))
    for (step, change), share in zip(moves, reversed(shares), strict=True):
        rest += step * (share - float(change @ rest) / float(change @ step))
    return -rest


def _step(
    function: Slope, point: Floats, value: float, direction: Floats, descent: float
) -> tuple[Floats, float, Floats] | None:
    """Go as far as the value falls enough for it; None when it falls nowhere."""
    if descent >= 0.0:
        return None
    length = 1.0
    while length > 1e-8:
        new = point + length * direction
        new_value, new_slope = function(new)
        if new_value <= value + 1e-4 * length * descent:
            return new, new_value, new_slope
        length /= 2.0
    return None
