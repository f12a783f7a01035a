"""Find providers that resell one another: they share mistakes that nobody else makes.

A mistake that many make says little: they may mean something else by the field, or be out of date
together. So each shared mistake counts by how rare it is among those who are not of the two.
"""

from collections.abc import Mapping

import numpy as np

from enrich.domain.learning.evidence import Cells, Flags, Floats, Ints

__all__ = ["family_numbers", "found_families"]

#: How often a reseller repeats its source's mistake.
_REPEATS = 0.8
#: Evidence, in nats, from which on two are one family, and the share of mistakes they must share.
_SURE, _SHARED = 7.0, 0.5
#: More numbers than this are not compared at once.
_MOST = 20_000_000


def found_families(cells: Cells, wrong: Flags) -> Mapping[str, str]:
    """Name the family of each one that was found to belong to one: by the first of its members.

    `wrong` says which groups hold wrong values.
    """
    evidence, shared = _compared(cells, wrong)
    heads = list(range(len(cells.families)))
    for one, other in zip(*np.nonzero((evidence > _SURE) & (shared >= _SHARED)), strict=True):
        a, b = _head(heads, int(one)), _head(heads, int(other))
        first, second = sorted((a, b), key=lambda i: cells.families[i])
        heads[second] = first
    named = {
        name: cells.families[_head(heads, number)] for number, name in enumerate(cells.families)
    }
    return {name: family for name, family in sorted(named.items()) if _is_shared(family, named)}


def family_numbers(cells: Cells, families: Mapping[str, str]) -> Ints:
    """Give by number of a family that of the one that it belongs to."""
    numbers = {name: number for number, name in enumerate(cells.families)}
    return np.array(
        [numbers.get(families.get(name, name), numbers[name]) for name in cells.families],
        dtype=np.int64,
    )


def _is_shared(family: str, named: Mapping[str, str]) -> bool:
    return sum(other == family for other in named.values()) > 1


def _head(heads: list[int], number: int) -> int:
    while heads[number] != number:
        number = heads[number]
    return number


def _compared(cells: Cells, wrong: Flags) -> tuple[Floats, Floats]:
    """Give for each two families the evidence that one repeats the other, and what they share."""
    count = len(cells.families)
    chosen = np.nonzero(wrong)[0][: max(1, _MOST // max(1, count))]
    place = np.full(len(wrong), -1)
    place[chosen] = np.arange(len(chosen))
    answered = np.zeros((cells.count, count), dtype=np.bool_)
    answered[cells.group_cell[cells.claim_group], cells.claim_family] = True
    mine = place[cells.claim_group] >= 0
    said = np.zeros((len(chosen), count))
    said[place[cells.claim_group[mine]], cells.claim_family[mine]] = 1.0
    there = answered[cells.group_cell[chosen]].astype(np.float64)
    both_nats, one_nats = _rarity(said.sum(axis=1), there.sum(axis=1))
    silent = there - said
    alone = said.T @ (silent * one_nats[:, None])
    same = said.T @ said
    either = same + said.T @ silent + silent.T @ said
    evidence = said.T @ (said * both_nats[:, None]) + alone + alone.T
    np.fill_diagonal(evidence, -np.inf)
    return evidence, same / np.maximum(either, 1.0)


def _rarity(holders: Floats, answers: Floats) -> tuple[Floats, Floats]:
    """Give the nats that a mistake is worth when both made it, and when one did."""
    by_both = np.clip((holders - 1.8) / answers, 0.02, 0.95)
    by_one = np.clip((holders - 0.8) / answers, 0.02, 0.95)
    repeated = _REPEATS + (1.0 - _REPEATS) * by_both
    varied = (1.0 - _REPEATS) * (1.0 - by_one)
    return np.log(repeated / by_both), np.log(varied / (1.0 - by_one))
