"""From the ledger to votes: what each provider said about a cell, as fusion takes it."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from enrich.domain.fusion import Fused, Vote, fuse
from enrich.domain.normalise import Normalised, normaliser_of_field
from enrich.domain.outcome import Found
from enrich.domain.policy import FusionPolicy
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import Response
from enrich.domain.table import Column
from enrich.domain.values import Json, is_blank

__all__ = ["fuse_cell", "key_of_value", "votes_of"]


def fuse_cell(
    column: Column,
    said: Iterable[Response],
    specs: Mapping[str, ProviderSpec],
    fusion: FusionPolicy,
) -> Fused | None:
    """Fuse what was said about one cell, as its column wants it; None when nobody knew it."""
    return fuse(
        votes_of(column, said, specs),
        fusion.for_column(column.fusion),
        min_confidence=column.min_confidence,
        field=column.field,
    )


def votes_of(
    column: Column, said: Iterable[Response], specs: Mapping[str, ProviderSpec]
) -> tuple[Vote, ...]:
    """Give the votes about one cell, in the order of the responses."""
    votes = (_vote(column, response, specs.get(response.provider)) for response in said)
    return tuple(vote for vote in votes if vote is not None)


def key_of_value(field: str, value: Json) -> str:
    """Give a text that is equal for values of a field that mean the same; "" for no value."""
    return _key_of_text(field, value) if isinstance(value, str) else _key_of(field, value)


def _key_of(field: str, value: Json) -> str:
    read = _reader_of(field)(value)
    return "" if read.is_empty else read.canonical


# The same values come again: of several providers for a row, and in row after row.
_key_of_text = lru_cache(maxsize=16_384)(_key_of)


@lru_cache(maxsize=1024)
def _reader_of(field: str) -> Callable[[Json], Normalised]:
    return normaliser_of_field(field).normalise


def _vote(column: Column, response: Response, spec: ProviderSpec | None) -> Vote | None:
    if not isinstance(response.outcome, Found):
        return None
    seen = response.outcome.observations.get(column.field)
    if seen is None or is_blank(seen.value):
        return None
    key = key_of_value(column.field, seen.value)
    if not key:
        return None
    return Vote(
        provider=response.provider,
        family=spec.family or spec.name if spec else response.provider,
        rank=spec.price_microcredits if spec else 0,
        value=seen.value,
        confidence=seen.confidence,
        observed_at=response.observed_at,
        key=key,
    )
