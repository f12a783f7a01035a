"""From evidence to a trust state: expectation, families, weights, calibration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from enrich.domain.fusion.trust import FieldTrust, TrustState
from enrich.domain.learning.calibrate import isotonic, sharpness
from enrich.domain.learning.choice import Choice, Leaning, fit_choice, scores_of, softmax_of
from enrich.domain.learning.closed import closed_fields, learn_closed
from enrich.domain.learning.evidence import Cells, Evidence, Flags, Floats, Ints, cells_of, sums
from enrich.domain.learning.expect import expect
from enrich.domain.learning.families import family_numbers, found_families
from enrich.domain.learning.notations import notations_of, reread_evidence
from enrich.domain.learning.tallies import bins_of, deduped, pair_odds

__all__ = ["learn"]

#: How much the fit may depart from the tallies; how much, held back cells decide. The last keeps to
#: them: with few labels a field there is little else to go by.
_LEANINGS = (
    *(Leaning(shift_pull=pull) for pull in (1.0, 3.0, 10.0)),
    Leaning(
        shift_pull=100.0, scale=1.0, scale_pull=10.0, field_pull=100.0, none=1.0, none_pull=3.0
    ),
)
_FOLDS = 3
#: Held back cells beyond that make the choice no better.
_TRIED = 3000
#: From so many labelled cells of a field on, its calibration is its own, or free of any form.
_OWN_SHARPNESS, _OWN_CURVE = 200.0, 1000.0
_DIGITS = 9


def learn(evidence: Iterable[Evidence], *, version: int = 0) -> TrustState:
    """Learn from cells; the same evidence in the same order gives the same state.

    With labels the weights are those that choose the known right values best, as held back cells
    bear out. Without any, agreement has to do.
    """
    given = tuple(evidence)
    notations = notations_of(given)
    cells = cells_of(reread_evidence(given, notations))
    if not cells.count:
        return TrustState(version=version)
    lone = np.arange(len(cells.families), dtype=np.int64)
    chances, state = expect(cells, lone)
    closed = closed_fields(cells)
    families = found_families(cells, _surely_wrong(cells, chances, closed))
    if cells.cell_labelled.any():
        state = _with_labels(cells, chances, state, families)
    elif families:
        _, state = expect(cells, family_numbers(cells, families))
        state = replace(state, families=families)
    fields = {**state.fields, **learn_closed(cells, closed, state)}
    for name, some in notations.items():
        fields[name] = replace(fields[name], notations=some)
    return replace(
        state,
        version=version,
        fields=dict(sorted(fields.items())),
        labels=round(float(cells.cell_weight[cells.cell_labelled].sum()), 6),
        cells=cells.count,
    )


def _surely_wrong(cells: Cells, chances: Floats, closed: Iterable[int]) -> Flags:
    """Say which groups are wrong: by labels where there are any, else as agreement has it.

    In a small set of values mistakes are shared by chance.
    """
    counted = cells.cell_labelled if cells.cell_labelled.any() else np.ones(cells.count, np.bool_)
    small = np.isin(cells.cell_field, list(closed))
    return np.asarray((counted & ~small)[cells.group_cell] & (chances < 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """Labelled cells in which each family speaks once for a value, with what tallies say of it."""

    cells: Cells
    odds: Floats
    spreads: Floats

    def only(self, chosen: Flags) -> "_Ready":
        claims = chosen[self.cells.group_cell[self.cells.claim_group]]
        return replace(self, cells=self.cells.only(chosen), odds=self.odds[claims])


def _with_labels(
    cells: Cells, chances: Floats, state: TrustState, families: Mapping[str, str]
) -> TrustState:
    known = cells.cell_labelled[cells.group_cell]
    state = replace(state, bins=bins_of(cells, chances, known))
    choices: list[tuple[Mapping[str, str], TrustState]] = [({}, state)]
    if families:
        _, other = expect(cells, family_numbers(cells, families))
        choices.append((families, replace(other, bins=state.bins, families=families)))
    tried = [
        (*_foretold(_ready(cells, one, named), leaning), leaning, one, named)
        for named, one in choices
        for leaning in _LEANINGS
    ]
    _, held_back, leaning, best, named = min(tried, key=lambda t: t[0])
    ready = _ready(cells, best, named)
    choice = fit_choice(ready.cells, ready.odds, leaning=leaning, spreads=ready.spreads)
    return _assembled(ready.cells, best, choice, _calibration(ready.cells, held_back))


def _ready(cells: Cells, state: TrustState, families: Mapping[str, str]) -> _Ready:
    labelled = cells.only(cells.cell_labelled)
    bins = np.array([state.bins.get(p, ()) or (0.0,) * 8 for _, p in cells.pairs])
    odds = pair_odds(cells, state)[labelled.claim_pair]
    odds = odds + bins[labelled.claim_pair, labelled.claim_bin]
    speaks = deduped(labelled, family_numbers(cells, families), odds)
    spreads = np.array([state.fields[name].spread for name in cells.fields])
    return _Ready(cells=labelled.saying(speaks), odds=odds[speaks], spreads=spreads)


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldBack:
    """Cells with the scores that they got from a learner that had not seen them."""

    cells: Cells
    scores: Floats
    nones: Floats


def _foretold(ready: _Ready, leaning: Leaning) -> tuple[float, _HeldBack]:
    """Give the loss on cells that were held back, and their scores."""
    count = ready.cells.count
    tried = ready.only(np.arange(count) % max(1, -(-count // _TRIED)) == 0)
    cells = tried.cells
    scores, nones = np.zeros(len(cells.group_cell)), np.zeros(cells.count)
    fold = _folds(cells)
    for number in range(_FOLDS):
        back = fold == number
        shown = tried.only(~back)
        choice = fit_choice(shown.cells, shown.odds, leaning=leaning, spreads=tried.spreads)
        scores[back[cells.group_cell]] = scores_of(cells, tried.odds, choice)[
            back[cells.group_cell]
        ]
        nones[back] = choice.nones[cells.cell_field[back]]
    chances, rest = _chances(cells, scores, nones)
    open_chance = sums(
        cells.group_cell, np.where(cells.group_open, chances, 0.0), cells.count
    ) + np.where(cells.cell_none, rest, 0.0)
    loss = -float(cells.cell_weight @ np.log(np.maximum(open_chance, 1e-12)))
    return loss, _HeldBack(cells=cells, scores=scores, nones=nones)


def _folds(cells: Cells) -> Ints:
    """Deal the cells of each field out in turn."""
    order = np.argsort(cells.cell_field, kind="stable")
    fold = np.empty(cells.count, dtype=np.int64)
    fold[order] = np.arange(cells.count) % _FOLDS
    return fold


def _chances(cells: Cells, scores: Floats, nones: Floats) -> tuple[Floats, Floats]:
    one_field = replace(cells, cell_field=np.arange(cells.count, dtype=np.int64))
    return softmax_of(one_field, scores, nones)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calibration:
    """How scores become probabilities, by field."""

    sharpness: Mapping[str, float]
    knots: Mapping[str, tuple[tuple[float, float], ...]]


def _calibration(cells: Cells, held: _HeldBack) -> _Calibration:
    common = _sharpness(held, np.ones(held.cells.count, np.bool_))
    sharp, knots = {}, {}
    for number, name in enumerate(cells.fields):
        labels, mine = cells.labels_of(number), held.cells.cell_field == number
        sharp[name] = _sharpness(held, mine) if labels >= _OWN_SHARPNESS else common
        knots[name] = _curve(held, mine, sharp[name]) if labels >= _OWN_CURVE else ()
    return _Calibration(sharpness=sharp, knots=knots)


def _sharpness(held: _HeldBack, chosen: Flags) -> float:
    cells = held.cells.only(chosen)
    scores = held.scores[chosen[held.cells.group_cell]]
    return sharpness(
        np.concatenate([scores, held.nones[chosen]]),
        np.concatenate([cells.group_cell, np.arange(cells.count)]),
        np.concatenate([cells.group_open, cells.cell_none]),
        cells.cell_weight,
    )


def _curve(held: _HeldBack, chosen: Flags, sharp: float) -> tuple[tuple[float, float], ...]:
    cells = held.cells.only(chosen)
    scores = held.scores[chosen[held.cells.group_cell]] * sharp
    chances, _ = _chances(cells, scores, held.nones[chosen] * sharp)
    order = np.lexsort((-chances, cells.group_cell))
    first = np.unique(cells.group_cell[order], return_index=True)[1]
    top = order[first]
    right = cells.group_open[top] & ~(cells.cell_none & cells.group_open[top])
    return isotonic(chances[top], right.astype(np.float64), cells.cell_weight)


def _assembled(
    cells: Cells, state: TrustState, choice: Choice, calibration: _Calibration
) -> TrustState:
    fields: dict[str, FieldTrust] = {}
    for number, name in enumerate(cells.fields):
        mine = [i for i, (field, _) in enumerate(cells.pairs) if field == name]
        shifts = {cells.pairs[i][1]: round(float(choice.shifts[i]), _DIGITS) for i in mine}
        fields[name] = replace(
            state.fields[name],
            shifts={provider: nats for provider, nats in sorted(shifts.items()) if nats},
            scale=round(float(choice.scales[number]), _DIGITS),
            none=round(float(choice.nones[number]), _DIGITS),
            sharpness=calibration.sharpness[name],
            knots=calibration.knots[name],
            labels=round(cells.labels_of(number), 6),
        )
    return replace(state, fields=fields)
