"""From the ledger to votes: what each provider said about a cell, as fusion takes it."""

from collections.abc import Iterable, Mapping, Sequence

from enrich.domain.fusion import Fused, Vote, fuse
from enrich.domain.fusion.notations import same_kind
from enrich.domain.normalise import ANYWHERE, Context, Normalised
from enrich.domain.outcome import Found
from enrich.domain.policy import FusionPolicy
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
    return fuse(
        votes_of(column, said, specs, context_of(column.field, said, row, columns)),
        fusion.for_column(column),
        min_confidence=column.min_confidence,
        field=column.field,
    )


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
