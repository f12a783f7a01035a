"""Learn what each provider's word weighs from cells whose right value is known.

The right value is chosen among those that were given and "none of these"; a value's score is the
sum of its providers' weights. A weight is what the tallies say, scaled, plus a shift of its own
that is drawn to zero. So with few labels the tallies decide, and with many the learner finds out
who repeats whom and who is right just when the others are not.
"""

from dataclasses import dataclass

import numpy as np

from enrich.domain.learning.descent import least_of
from enrich.domain.learning.evidence import Cells, Floats, sums

__all__ = ["Choice", "Leaning", "fit_choice", "scores_of", "softmax_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaning:
    """What a fit is drawn to, and how strongly: pulls are inverse variances.

    Attributes:
        shift_pull: draws the shifts to zero.
        scale, scale_pull: of all fields together; below 1 when providers depend on each other.
        field_pull: draws a field's scale to the common one.
        none, none_pull: the score of "none of these", in times what wrong values are worth.
    """

    shift_pull: float
    scale: float = 0.5
    scale_pull: float = 1.0
    field_pull: float = 10.0
    none: float = 0.5
    none_pull: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was learned: a shift by pair, a scale and a score of "none of these" by field."""

    shifts: Floats
    scales: Floats
    nones: Floats


def fit_choice(cells: Cells, claim_odds: Floats, *, leaning: Leaning, spreads: Floats) -> Choice:
    """Fit to labelled cells; `claim_odds` are what the tallies say of each claim, in nats."""
    pairs, fields = len(cells.pairs), len(cells.fields)
    middle = leaning.none * np.log(spreads)
    pull = leaning.shift_pull
    field_of = cells.pair_field[cells.claim_pair]

    def slope(x: Floats) -> tuple[float, Floats]:
        choice = _unpacked(x, pairs, fields)
        shift, none = choice.shifts, choice.nones
        loss, by_score, by_none = _loss(cells, scores_of(cells, claim_odds, choice), none)
        by_claim = by_score[cells.claim_group]
        by_scale = sums(field_of, by_claim * claim_odds, fields)
        own, common = x[pairs : pairs + fields], x[-1] - leaning.scale
        off = none - middle
        loss += 0.5 * (
            pull * float(shift @ shift)
            + leaning.field_pull * float(own @ own)
            + leaning.scale_pull * float(common * common)
            + leaning.none_pull * float(off @ off)
        )
        return loss, np.concatenate(
            [
                sums(cells.claim_pair, by_claim, pairs) + pull * shift,
                by_scale + leaning.field_pull * own,
                by_none + leaning.none_pull * off,
                [float(by_scale.sum()) + leaning.scale_pull * common],
            ]
        )

    start = np.concatenate([np.zeros(pairs + fields), middle, [leaning.scale]])
    return _unpacked(least_of(slope, start), pairs, fields)


def _unpacked(x: Floats, pairs: int, fields: int) -> Choice:
    own = x[pairs : pairs + fields]
    return Choice(
        shifts=x[:pairs], scales=x[-1] + own, nones=x[pairs + fields : pairs + 2 * fields]
    )


def scores_of(cells: Cells, claim_odds: Floats, choice: Choice) -> Floats:
    """Give the score of each group."""
    scale = choice.scales[cells.pair_field[cells.claim_pair]]
    weights = scale * claim_odds + choice.shifts[cells.claim_pair]
    return sums(cells.claim_group, weights, len(cells.group_cell))


def softmax_of(cells: Cells, scores: Floats, nones: Floats) -> tuple[Floats, Floats]:
    """Give the probability of each group, and of "none of these" by cell, from their scores."""
    parts, rests, totals, _ = _parts(cells, scores, nones[cells.cell_field])
    return parts / totals[cells.group_cell], rests / totals


def _parts(cells: Cells, scores: Floats, rest: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    most = rest.copy()
    np.maximum.at(most, cells.group_cell, scores)
    parts = np.exp(scores - most[cells.group_cell])
    rests = np.exp(rest - most)
    return parts, rests, sums(cells.group_cell, parts, cells.count) + rests, most


def _loss(cells: Cells, scores: Floats, nones: Floats) -> tuple[float, Floats, Floats]:
    """Give the negative log likelihood, and its slopes by group's score and by field's none."""
    parts, rests, totals, _ = _parts(cells, scores, nones[cells.cell_field])
    open_parts = np.where(cells.group_open, parts, 0.0)
    open_rest = np.where(cells.cell_none, rests, 0.0)
    open_total = sums(cells.group_cell, open_parts, cells.count) + open_rest
    open_total = np.maximum(open_total, 1e-300)
    weight = cells.cell_weight
    loss = -float(weight @ np.log(open_total / totals))
    by_group = weight[cells.group_cell] * (
        parts / totals[cells.group_cell] - open_parts / open_total[cells.group_cell]
    )
    by_cell = weight * (rests / totals - open_rest / open_total)
    return loss, by_group, sums(cells.cell_field, by_cell, len(nones))
