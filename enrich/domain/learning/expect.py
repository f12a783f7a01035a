"""Guess the truth and who is right about it in turns, where not all of it is known."""

import numpy as np

from enrich.domain.fusion.trust import TrustState
from enrich.domain.learning.choice import softmax_of
from enrich.domain.learning.evidence import Cells, Floats, Ints, sums
from enrich.domain.learning.tallies import deduped, pair_odds, tallied

__all__ = ["expect"]

_TURNS = 20
_ENOUGH = 1e-3


def expect(cells: Cells, families: Ints) -> tuple[Floats, TrustState]:
    """Give how probable each group's value is, and the evidence that follows from it.

    What is known stays as it is; with no labels the providers that others bear out win.
    """
    chances = _at_first(cells)
    state = tallied(cells, chances, families)
    for _ in range(_TURNS):
        before, chances = chances, _guess(cells, state, families)
        state = tallied(cells, chances, families)
        if np.abs(chances - before).max(initial=0.0) < _ENOUGH:
            break
    return chances, state


def _at_first(cells: Cells) -> Floats:
    votes = np.bincount(cells.claim_group, minlength=len(cells.group_cell)).astype(np.float64)
    total = sums(cells.group_cell, votes, cells.count)
    return _as_known(cells, votes / total[cells.group_cell], np.full(cells.count, 0.1))


def _guess(cells: Cells, state: TrustState, families: Ints) -> Floats:
    odds = pair_odds(cells, state)
    speaking = cells.saying(deduped(cells, families, odds[cells.claim_pair]))
    scores = sums(speaking.claim_group, odds[speaking.claim_pair], len(cells.group_cell))
    nones = np.log([state.fields[name].spread for name in cells.fields])
    return _as_known(cells, *softmax_of(cells, scores, nones))


def _as_known(cells: Cells, chances: Floats, rest: Floats) -> Floats:
    """Leave only what may be right."""
    possible = np.where(cells.group_open, np.maximum(chances, 1e-9), 0.0)
    others = np.where(cells.cell_none, rest, 0.0)
    total = sums(cells.group_cell, possible, cells.count) + others
    return possible / np.maximum(total, 1e-300)[cells.group_cell]
