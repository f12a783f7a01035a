"""Find out how providers write, by comparing what they say about the same cells."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from enrich.domain.fields import FIELDS, FieldType
from enrich.domain.fusion.notations import Notation, reread
from enrich.domain.learning.evidence import Evidence
from enrich.domain.normalise import inferred_context, scales_of
from enrich.domain.values import Json

__all__ = ["notations_of", "reread_evidence"]

Notations = Mapping[str, Mapping[str, Notation]]


def notations_of(evidence: Sequence[Evidence]) -> Notations:
    """Give by field and provider how it writes, where that is not as everybody does."""
    by_field: dict[str, list[Evidence]] = defaultdict(list)
    for one in evidence:
        if one.field in FIELDS:
            by_field[one.field].append(one)
    found = {field: _of_field(field, some) for field, some in sorted(by_field.items())}
    return {field: notations for field, notations in found.items() if notations}


def reread_evidence(evidence: Sequence[Evidence], notations: Notations) -> Sequence[Evidence]:
    """Give the evidence with its values read as their providers write them."""
    return [
        replace(one, votes=tuple(reread(one.votes, one.field, notations[one.field])))
        if one.field in notations
        else one
        for one in evidence
    ]


def _of_field(field: str, evidence: Sequence[Evidence]) -> dict[str, Notation]:
    kind = FIELDS[field].type
    if kind is FieldType.MONEY:
        cells = [[(v.provider, v.key) for v in one.votes if v.readable] for one in evidence]
        return {who: Notation(factor=factor) for who, factor in scales_of(cells).items()}
    return _orders_of_days(evidence) if kind is FieldType.DATE else {}


def _orders_of_days(evidence: Sequence[Evidence]) -> dict[str, Notation]:
    written: dict[str, list[Json]] = defaultdict(list)
    for one in evidence:
        for vote in one.votes:
            written[vote.provider].append(vote.raw)
    orders = {who: inferred_context(values).day_first for who, values in sorted(written.items())}
    return {who: Notation(day_first=order) for who, order in orders.items() if order is not None}
