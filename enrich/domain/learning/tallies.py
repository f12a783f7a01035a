"""Count evidence: who was right how often, given how probable each value is."""

from collections import defaultdict

import numpy as np

from enrich.domain.fusion.judge import BINS
from enrich.domain.fusion.trust import EVERYONE, FieldTrust, Tally, TrustState, accuracy_of
from enrich.domain.learning.evidence import Cells, Flags, Floats, Ints, sums

__all__ = ["bins_of", "deduped", "pair_odds", "spreads_of", "tallied"]

#: What agreement alone may weigh by provider and field; each label of the field makes it less.
_AGREEMENT = 30.0
#: How many answers of a bin it takes to believe half of what it says.
_BIN_STRENGTH = 10.0
_DIGITS = 6


def tallied(cells: Cells, chances: Floats, families: Ints) -> TrustState:
    """Count evidence by provider and field; `chances` says how probable each group's value is."""
    weights = _weights(cells)[cells.claim_group]
    chance = chances[cells.claim_group]
    count = len(cells.pairs)
    right = sums(cells.claim_pair, weights * chance, count)
    wrong = sums(cells.claim_pair, weights * (1.0 - chance), count)
    by_field: dict[str, dict[str, Tally]] = {name: {} for name in cells.fields}
    overall: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (field, provider), good, bad in zip(cells.pairs, right, wrong, strict=True):
        by_field[field][provider] = Tally(round(float(good), _DIGITS), round(float(bad), _DIGITS))
        for name in (provider, EVERYONE):
            overall[name][0] += float(good)
            overall[name][1] += float(bad)
    spreads = spreads_of(cells, chances, families)
    return TrustState(
        fields={
            name: FieldTrust(tallies=by_field[name], spread=spreads[i])
            for i, name in enumerate(cells.fields)
        },
        providers={
            name: Tally(round(good, _DIGITS), round(bad, _DIGITS))
            for name, (good, bad) in sorted(overall.items())
        },
    )


def _weights(cells: Cells) -> Floats:
    """Give each group's weight; where nothing is known of the truth, little, and less by labels."""
    fields = len(cells.fields)
    labels = np.array([cells.labels_of(number) for number in range(fields)])
    known = cells.cell_labelled[cells.group_cell]
    pair_claims = np.bincount(
        cells.claim_pair[~known[cells.claim_group]], minlength=len(cells.pairs)
    )
    most = np.ones(fields)
    np.maximum.at(most, cells.pair_field, pair_claims)
    soft = np.minimum(1.0, _AGREEMENT / (1.0 + labels) / most)
    weight = cells.cell_weight[cells.group_cell]
    return np.where(known, weight, weight * soft[cells.cell_field[cells.group_cell]])


def spreads_of(cells: Cells, chances: Floats, families: Ints) -> list[float]:
    """Say by field on how many wrong values wrong answers fall, from how often two agree."""
    size = len(cells.families)
    spoken = np.unique(cells.claim_group * size + families[cells.claim_family])
    votes = np.bincount(spoken // size, minlength=len(chances)) * (1.0 - chances)
    by_cell = sums(cells.group_cell, votes, cells.count)
    same = sums(cells.group_cell, np.maximum(0.0, votes * (votes - 1.0)), cells.count)
    any_two = np.maximum(0.0, by_cell * (by_cell - 1.0))
    fields = len(cells.fields)
    agreeing = sums(cells.cell_field, same, fields)
    pairs = sums(cells.cell_field, any_two, fields)
    # As if twenty pairs had been seen, of which two agreed.
    return [
        round(float((n + 20.0) / (k + 2.0)), _DIGITS) for k, n in zip(agreeing, pairs, strict=True)
    ]


def pair_odds(cells: Cells, state: TrustState) -> Floats:
    """Give what the tallies say of each pair, in nats."""
    accuracy = np.array([accuracy_of(state, provider, field) for field, provider in cells.pairs])
    spread = np.array([state.fields[field].spread for field, _ in cells.pairs])
    return np.asarray(np.log(spread * accuracy / (1.0 - accuracy)), dtype=np.float64)


def bins_of(cells: Cells, right: Floats, known: Flags) -> dict[str, tuple[float, ...]]:
    """Say by provider what its own confidence adds, by bin, in nats; who says one thing adds none.

    `right` is 1 for groups of right values, and only `known` groups count.
    """
    providers = {name: number for number, name in enumerate(cells.providers)}
    of_pair = np.array([providers[name] for _, name in cells.pairs], dtype=np.int64)
    chosen = known[cells.claim_group]
    width = len(BINS) + 1
    place = of_pair[cells.claim_pair[chosen]] * width + cells.claim_bin[chosen]
    weight = cells.cell_weight[cells.group_cell[cells.claim_group[chosen]]]
    is_right = right[cells.claim_group[chosen]]
    shape = (len(providers), width)
    good = sums(place, weight * is_right, len(providers) * width).reshape(shape)
    bad = sums(place, weight * (1.0 - is_right), len(providers) * width).reshape(shape)
    ratios = _ratios(good, bad)
    return {
        name: tuple(round(float(x), _DIGITS) for x in ratios[number])
        for name, number in providers.items()
        if np.count_nonzero(good[number] + bad[number]) > 1
    }


def _ratios(good: Floats, bad: Floats) -> Floats:
    seen = good + bad
    share = seen / np.maximum(seen.sum(axis=1, keepdims=True), 1e-9)
    pull = _BIN_STRENGTH * share
    by_right = (good + pull + 1e-9) / (good.sum(axis=1, keepdims=True) + _BIN_STRENGTH)
    by_wrong = (bad + pull + 1e-9) / (bad.sum(axis=1, keepdims=True) + _BIN_STRENGTH)
    return np.where(seen > 0.0, np.log(by_right / by_wrong), 0.0)


def deduped(cells: Cells, families: Ints, claim_odds: Floats) -> Flags:
    """Say which claims speak for their family: of each family and value, the weightiest."""
    family = families[cells.claim_family]
    order = np.lexsort((cells.claim_pair, -claim_odds, family, cells.claim_group))
    group, kin = cells.claim_group[order], family[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (group[1:] != group[:-1]) | (kin[1:] != kin[:-1])
    chosen = np.zeros(len(order), dtype=np.bool_)
    chosen[order[first]] = True
    return chosen
