"""From the ledger to votes: what each provider said about a cell, as fusion takes it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

from enrich.domain.fusion import Fused, Vote, fuse, groups_of
from enrich.domain.fusion.counted import fuse_counted
from enrich.domain.fusion.notations import same_kind
from enrich.domain.normalise import ANYWHERE, Context, Normalised
from enrich.domain.outcome import Found
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.provider import ProviderSpec
from enrich.domain.reading import context_of, reader_of
from enrich.domain.run import Response
from enrich.domain.table import Column, Row
from enrich.domain.values import Json, Observation

__all__ = ["fuse_cell", "key_of_value", "votes_of"]


def fuse_cell(
    column: Column,
    said: Sequence[Response],
    specs: Mapping[str, ProviderSpec],
    fusion: FusionPolicy,
    *,
    row: Row | None = None,
    columns: Sequence[Column] = (),
) -> Fused | None:
    """Fuse what was said about one cell, as its column wants it; None when nobody knew it.

    What else the `row` says helps to read it.
    """
    own = fusion.for_column(column)
    context = context_of(column.field, said, row, columns)
    if context is ANYWHERE and own.method is not FusionMethod.LEARNED:
        ballots = _ballots(column.field, said, specs)
        if ballots is not None:
            return _counted(column, ballots, own, said)
    return fuse(
        votes_of(column, said, specs, context),
        own,
        min_confidence=column.min_confidence,
        field=column.field,
    )


#: What decides when votes are counted: provider, family, rank, value and confidence of each.
_Ballot: TypeAlias = tuple[str, str, int, str, float]
#: Longer texts hardly come twice, and remembering them takes room.
_LONGEST = 100


def _ballots(
    field: str, said: Sequence[Response], specs: Mapping[str, ProviderSpec]
) -> tuple[_Ballot, ...] | None:
    """Give what was said about a cell; None where it is no short texts, or somebody spoke twice."""
    ballots, names = [], set()
    for response in said:
        outcome = response.outcome
        if not isinstance(outcome, Found) or (seen := outcome.observations.get(field)) is None:
            continue
        name, spec = response.provider, specs.get(response.provider)
        # Numbers are left out: 1 and True are equal, and not the same.
        if name in names or type(seen.value) is not str or len(seen.value) > _LONGEST:
            return None
        names.add(name)
        family, rank = (spec.family or spec.name, spec.price_microcredits) if spec else (name, 0)
        ballots.append((name, family, rank, seen.value, seen.confidence))
    return tuple(ballots)


def _counted(
    column: Column, ballots: tuple[_Ballot, ...], fusion: FusionPolicy, said: Iterable[Response]
) -> Fused | None:
    threshold = fusion.agreement_threshold if fusion.method is FusionMethod.ENSEMBLE else None
    fused = _remembered(column.field, ballots, threshold, column.min_confidence)
    if fused is None:
        return None
    # It may have been asked before, with less, and have had nothing to say of this field.
    seen_at = next(
        response.observed_at
        for response in said
        if response.provider == fused.provider
        and isinstance(response.outcome, Found)
        and column.field in response.outcome.observations
    )
    return Fused(
        value=fused.value,
        provider=fused.provider,
        confidence=fused.confidence,
        observed_at=seen_at,
        support=fused.support,
        agreement=fused.agreement,
        verdict=fused.verdict,
        flags=fused.flags,
        candidates=fused.candidates,
    )


@lru_cache(maxsize=8192)
def _remembered(
    field: str, ballots: tuple[_Ballot, ...], threshold: float | None, min_confidence: float
) -> Fused | None:
    """Count votes whose moments do not matter; remembered, as most columns hold few values."""
    normalise = reader_of(field).normalise
    votes = [
        Vote(
            provider=provider,
            family=family,
            rank=rank,
            value=same_kind(read.display, value),
            confidence=confidence,
            observed_at=_ANY_MOMENT,
            key=read.canonical,
            raw=value,
            readable=not read.problem,
        )
        for provider, family, rank, value, confidence in ballots
        if (read := normalise(value)).canonical
    ]
    groups = groups_of(votes)
    if not groups:
        return None
    return fuse_counted(groups, threshold=threshold, min_confidence=min_confidence)


_ANY_MOMENT = datetime.min.replace(tzinfo=UTC)


def votes_of(
    column: Column,
    said: Iterable[Response],
    specs: Mapping[str, ProviderSpec],
    context: Context = ANYWHERE,
) -> tuple[Vote, ...]:
    """Give the votes about one cell, in the order of the responses."""
    field, normalise = column.field, reader_of(column.field, context).normalise
    votes = []
    for response in said:
        if isinstance(response.outcome, Found):
            seen = response.outcome.observations.get(field)
            if seen is not None and (read := normalise(seen.value)).canonical:
                votes.append(_vote(response, seen, read, specs.get(response.provider)))
    return tuple(votes)


def key_of_value(field: str, value: Json, context: Context = ANYWHERE) -> str:
    """Give a text that is equal for values of a field that mean the same; "" for no value."""
    read = reader_of(field, context).normalise(value)
    return "" if read.is_empty else read.canonical


def _vote(
    response: Response, seen: Observation, read: Normalised, spec: ProviderSpec | None
) -> Vote:
    return Vote(
        provider=response.provider,
        family=spec.family or spec.name if spec else response.provider,
        rank=spec.price_microcredits if spec else 0,
        value=same_kind(read.display, seen.value),
        confidence=seen.confidence,
        observed_at=response.observed_at,
        key=read.canonical,
        raw=seen.value,
        readable=not read.problem,
    )
