"""What trust is learned from: cells with what was said about them and, for some, what is right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from enrich.domain.fusion.judge import bin_of
from enrich.domain.fusion.votes import Vote, groups_of

__all__ = ["Cells", "Evidence", "Flags", "Floats", "Ints", "cells_of", "sums"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def sums(places: Ints, amounts: Floats, size: int) -> Floats:
    """Add up amounts by place, in their order."""
    return np.asarray(np.bincount(places, amounts, size), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One cell: its votes, and what is known of the truth, by the votes' keys.

    Attributes:
        right: the keys of right values, of which nobody may have given one; None: not known.
        wrong: keys known to be wrong, when no more than that is known.
        weight: how much it counts: 1 is a fresh word of a person, less what is old or indirect.
    """

    field: str
    votes: Sequence[Vote]
    right: frozenset[str] | None = None
    wrong: frozenset[str] = frozenset()
    weight: float = 1.0

    @property
    def is_labelled(self) -> bool:
        """Say whether anything is known of the truth."""
        return self.right is not None or bool(self.wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Evidence as arrays: claims belong to groups (of one value), groups to cells.

    Attributes:
        pairs: (field, provider) by number; `pair_field` gives the number of its field.
        cell_none: whether it may be that no value of the cell is right.
        group_open: whether it may be that this value is right.
        claim_pair, claim_bin, claim_family: who says it, how surely, and for whom.
    """

    fields: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    families: tuple[str, ...]
    pair_field: Ints
    cell_field: Ints
    cell_weight: Floats
    cell_labelled: Flags
    cell_none: Flags
    group_cell: Ints
    group_key: tuple[str, ...]
    group_open: Flags
    claim_group: Ints
    claim_pair: Ints
    claim_bin: Ints
    claim_family: Ints

    @property
    def count(self) -> int:
        """How many cells there are."""
        return len(self.cell_field)

    @property
    def providers(self) -> tuple[str, ...]:
        """Every provider, sorted."""
        return tuple(sorted({provider for _, provider in self.pairs}))

    def labels_of(self, number: int) -> float:
        """Give the weight of the labelled cells of a field."""
        mine = (self.cell_field == number) & self.cell_labelled
        return float(self.cell_weight[mine].sum())

    def saying(self, chosen: Flags) -> "Cells":
        """Give the same cells and groups with some of the claims."""
        return replace(
            self,
            claim_group=self.claim_group[chosen],
            claim_pair=self.claim_pair[chosen],
            claim_bin=self.claim_bin[chosen],
            claim_family=self.claim_family[chosen],
        )

    def only(self, chosen: Flags) -> "Cells":
        """Give some of the cells, with all numbers of fields, pairs and families as they are."""
        group = chosen[self.group_cell]
        claim = group[self.claim_group]
        return replace(
            self,
            cell_field=self.cell_field[chosen],
            cell_weight=self.cell_weight[chosen],
            cell_labelled=self.cell_labelled[chosen],
            cell_none=self.cell_none[chosen],
            group_cell=(np.cumsum(chosen) - 1)[self.group_cell[group]],
            group_key=tuple(key for key, kept in zip(self.group_key, group, strict=True) if kept),
            group_open=self.group_open[group],
            claim_group=(np.cumsum(group) - 1)[self.claim_group[claim]],
            claim_pair=self.claim_pair[claim],
            claim_bin=self.claim_bin[claim],
            claim_family=self.claim_family[claim],
        )


_Name = TypeVar("_Name")


@dataclass(slots=True)
class _Numbers(Generic[_Name]):
    """Gives each name a number, in the order in which they come."""

    known: dict[_Name, int] = field(default_factory=dict)

    def of(self, name: _Name) -> int:
        return self.known.setdefault(name, len(self.known))


def cells_of(evidence: Iterable[Evidence]) -> Cells:
    """Turn evidence into arrays; cells without a vote are left out."""
    fields, families = _Numbers[str](), _Numbers[str]()
    pairs = _Numbers[tuple[str, str]]()
    cells: list[tuple[int, float, bool, bool]] = []
    groups: list[tuple[int, str, bool]] = []
    claims: list[tuple[int, int, int, int]] = []
    for one in evidence:
        if not one.votes:
            continue
        gathered = groups_of(one.votes)
        may_be = [_may_be_right(one, key) for key, _ in gathered]
        cell = (fields.of(one.field), one.weight, one.is_labelled, _may_be_none(one, may_be))
        for (key, votes), is_open in zip(gathered, may_be, strict=True):
            claims += [
                (len(groups), pairs.of((one.field, vote.provider)), bin_of(vote.confidence),
                 families.of(vote.family))
                for vote in sorted(votes, key=_order)
            ]  # fmt: skip
            groups.append((len(cells), key, is_open))
        cells.append(cell)
    return _assembled(fields, pairs, families, cells, groups, claims)


def _order(vote: Vote) -> tuple[str, float]:
    return vote.provider, vote.confidence


def _may_be_right(one: Evidence, key: str) -> bool:
    return key in one.right if one.right is not None else key not in one.wrong


def _may_be_none(one: Evidence, may_be: Sequence[bool]) -> bool:
    return one.right is None or not any(may_be)


def _assembled(
    fields: _Numbers[str],
    pairs: _Numbers[tuple[str, str]],
    families: _Numbers[str],
    cells: Sequence[tuple[int, float, bool, bool]],
    groups: Sequence[tuple[int, str, bool]],
    claims: Sequence[tuple[int, int, int, int]],
) -> Cells:
    names = tuple(pairs.known)
    claim = np.array(claims, dtype=np.int64).reshape(-1, 4)
    return Cells(
        fields=tuple(fields.known),
        pairs=names,
        families=tuple(families.known),
        pair_field=np.array([fields.of(f) for f, _ in names], dtype=np.int64),
        cell_field=np.array([c[0] for c in cells], dtype=np.int64),
        cell_weight=np.array([c[1] for c in cells], dtype=np.float64),
        cell_labelled=np.array([c[2] for c in cells], dtype=np.bool_),
        cell_none=np.array([c[3] for c in cells], dtype=np.bool_),
        group_cell=np.array([g[0] for g in groups], dtype=np.int64),
        group_key=tuple(g[1] for g in groups),
        group_open=np.array([g[2] for g in groups], dtype=np.bool_),
        claim_group=claim[:, 0],
        claim_pair=claim[:, 1],
        claim_bin=claim[:, 2],
        claim_family=claim[:, 3],
    )
