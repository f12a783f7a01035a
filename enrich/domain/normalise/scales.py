"""Sources that write amounts in thousands or millions: found by comparing them, and put right.

No label is needed. Of two sources whose amounts differ by the same power of a thousand again and
again, the one with the smaller amounts leaves zeros out: nobody writes a thousandth of a dollar.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from math import log10

from enrich.domain.normalise.amounts import amount_of_canonical
from enrich.domain.normalise.model import Normalised
from enrich.domain.normalise.numbers import canonical_of_amount, shown_amount

__all__ = ["Said", "rescaled", "scales_of"]

#: A source and the canonical form of the amount that it gave.
Said = tuple[str, str]

_POWERS = (-9, -6, -3, 0, 3, 6, 9)
#: Amounts of different years differ; they still are of one power within a factor of three.
_SLACK = log10(3)
_FEWEST, _SHARE = 5, 0.6


def scales_of(cells: Iterable[Sequence[Said]]) -> Mapping[str, int]:
    """Give the factor by which each source's amounts of one field must be multiplied, if any.

    Args:
        cells: per cell, who said which amount. Only cells with two sources or more teach anything.

    Returns:
        Sources with a factor of 1,000, 1,000,000 or more; the others need none.
    """
    powers: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for cell in cells:
        sizes = sorted({(source, size) for source, text in cell if (size := _size(text))})
        for (one, a), (other, b) in combinations(sizes, 2):
            if one != other and (power := _power(b - a)) is not None:
                powers[one, other][power] += 1
    offsets = _offsets(powers)
    return {source: 10**offset for source, offset in sorted(offsets.items()) if offset}


def _size(text: str) -> float | None:
    """Give the decimal logarithm of one positive amount; None of anything else."""
    if text.startswith("?") or not text:
        return None
    amount = amount_of_canonical(text)
    if amount.is_range or amount.low is None or amount.low <= 0:
        return None
    return log10(amount.low)


def _power(apart: float) -> int | None:
    return next((power for power in _POWERS if abs(apart - power) < _SLACK), None)


def _offsets(powers: Mapping[tuple[str, str], Counter[int]]) -> dict[str, int]:
    """Give each source's zeros that are missing, from the pairs that are surest."""
    sure = []
    for pair, counted in powers.items():
        power, times = min(counted.items(), key=lambda item: (-item[1], abs(item[0])))
        if times >= _FEWEST and times / counted.total() >= _SHARE:
            sure.append((-times, pair, power))
    offset: dict[str, int] = {}
    group: dict[str, set[str]] = {}
    for _, (one, other), power in sorted(sure):
        ours, theirs = (group.setdefault(source, {source}) for source in (one, other))
        if ours is theirs:
            continue
        # `one` plus `power` zeros is as large as `other`.
        shift = offset.setdefault(one, 0) - power - offset.setdefault(other, 0)
        for source in theirs:
            offset[source] += shift
        ours |= theirs
        for source in theirs:
            group[source] = ours
    return {source: offset[source] - min(offset[s] for s in group[source]) for source in offset}


def rescaled(value: Normalised, factor: int) -> Normalised:
    """Give an amount multiplied; what is no amount stays as it is."""
    if value.problem or value.is_empty or factor == 1:
        return value
    amount = amount_of_canonical(value.canonical).times(Decimal(factor))
    is_money = value.canonical[:1].isupper()
    shown = shown_amount(amount, is_money=is_money)
    whole = amount.low is not None and not amount.is_range and isinstance(value.raw, int | float)
    display = int(amount.low or 0) if whole else shown
    return Normalised(canonical_of_amount(amount, is_money=is_money), display, value.raw)
