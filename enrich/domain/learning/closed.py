"""Fields whose values come from a small set, and nobody has labelled: learned as a crowd's."""

from collections.abc import Sequence
from dataclasses import replace
from math import log

import numpy as np

from enrich.domain.fusion.trust import FieldTrust, TrustState
from enrich.domain.learning.crowd import Answers, Crowd, learn_crowd
from enrich.domain.learning.evidence import Cells

__all__ = ["closed_fields", "learn_closed"]

#: A set is small if it has at most so many values, and each comes in so many cells.
_MOST_VALUES, _LEAST_CELLS = 20, 25
_DIGITS = 6


def closed_fields(cells: Cells) -> tuple[int, ...]:
    """Number the fields without labels whose values are a small set."""
    found = []
    for number in range(len(cells.fields)):
        keys = {
            key
            for key, cell in zip(cells.group_key, cells.group_cell, strict=True)
            if cells.cell_field[cell] == number
        }
        count = int((cells.cell_field == number).sum())
        is_small = 2 <= len(keys) <= _MOST_VALUES and count >= _LEAST_CELLS * len(keys)
        if is_small and not cells.labels_of(number):
            found.append(number)
    return tuple(found)


def learn_closed(cells: Cells, numbers: Sequence[int], state: TrustState) -> dict[str, FieldTrust]:
    """Give what is learned of closed fields, by name."""
    return {
        cells.fields[number]: _learned(cells.only(cells.cell_field == number), number, state)
        for number in numbers
    }


def _learned(cells: Cells, number: int, state: TrustState) -> FieldTrust:
    keys = tuple(sorted(set(cells.group_key)))
    place = {key: position for position, key in enumerate(keys)}
    of_group = np.array([place[key] for key in cells.group_key], dtype=np.int64)
    pairs = [i for i, field in enumerate(cells.pair_field) if field == number]
    provider_of = np.full(len(cells.pairs), -1, dtype=np.int64)
    provider_of[pairs] = np.arange(len(pairs))
    crowd = learn_crowd(
        Answers(
            cell=cells.group_cell[cells.claim_group],
            provider=provider_of[cells.claim_pair],
            category=of_group[cells.claim_group],
            given=np.zeros((cells.count, len(keys))),
            providers=len(pairs),
        )
    )
    names = [cells.pairs[i][1] for i in pairs]
    field = state.fields.get(cells.fields[number], FieldTrust())
    return replace(field, confusion=_tables(crowd, names, keys), priors=_priors(crowd, keys))


def _tables(
    crowd: Crowd, names: Sequence[str], keys: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: {
            truth: {key: round(log(crowd.says[p, t, c]), _DIGITS) for c, key in enumerate(keys)}
            for t, truth in enumerate(keys)
        }
        for p, name in enumerate(names)
    }


def _priors(crowd: Crowd, keys: Sequence[str]) -> dict[str, float]:
    return {key: round(log(float(crowd.priors[t])), _DIGITS) for t, key in enumerate(keys)}
