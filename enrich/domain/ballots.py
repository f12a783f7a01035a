"""From the ledger to votes: what each provider said about a cell, as fusion takes it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from enrich.domain.reading import context_of, is_read_alone, reader_of
from enrich.domain.run import Response
from enrich.domain.table import Column, Row
from enrich.domain.values import Json, Observation

__all__ = ["Fusing", "Heard", "fuse_cell", "key_of_value", "votes_of"]


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
    fusing = Fusing(specs, fusion, columns)
    fused, speaker = fusing.fused(column, Heard.of(said), row)
    return fused if fused is None or speaker is None else _at(fused, speaker.observed_at)


def _at(fused: Fused, seen_at: datetime) -> Fused:
    return replace(fused, observed_at=seen_at)


#: What decides when votes are counted: provider, family, rank, value and confidence of each.
_Ballot: TypeAlias = tuple[str, str, int, str, float]
#: Longer texts hardly come twice, and remembering them takes room.
_LONGEST = 100
#: A value and who gave it; nobody is named where the value has a moment of its own.
_Decided: TypeAlias = tuple[Fused | None, Response | None]


@dataclass(slots=True)
class Heard:
    """What was said about a row: by whom, and what those who know it say of which field."""

    said: Sequence[Response]
    known: Sequence[tuple[Response, Mapping[str, Observation]]]
    has_stale: bool

    @staticmethod
    def of(said: Sequence[Response]) -> "Heard":
        """Look at all that was said once."""
        known = [(r, r.outcome.observations) for r in said if isinstance(r.outcome, Found)]
        return Heard(said, known, any(r.stale for r in said))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the cells of a column are fused, whatever was said of them."""

    fusion: FusionPolicy
    threshold: float | None
    is_plain: bool
    is_counted: bool


class Fusing:
    """Fuses the cells of many rows: what they share is looked up once."""

    def __init__(
        self,
        specs: Mapping[str, ProviderSpec],
        fusion: FusionPolicy,
        columns: Sequence[Column] = (),
    ) -> None:
        """`columns` are all that the rows have."""
        self._specs, self._fusion, self._columns = specs, fusion, columns
        self._plans: dict[str, _Plan] = {}
        self._standings: dict[str, tuple[str, int]] = {}

    def policy(self, column: Column) -> FusionPolicy:
        """Give the policy of a column."""
        return (self._plans.get(column.key) or self._planned(column)).fusion

    def fused(self, column: Column, heard: Heard, row: Row | None = None) -> _Decided:
        """Fuse one cell, and say whose answer has the moment of its value.

        Where somebody is named, the value's own moment is none, and its holder is shared.
        """
        plan = self._plans.get(column.key) or self._planned(column)
        context = ANYWHERE
        if not plan.is_plain:
            context = context_of(column.field, heard.said, row, self._columns)
        if plan.is_counted and context is ANYWHERE:
            ballots = self._ballots(column.field, heard)
            if ballots is not None:
                return _counted(column, ballots, plan.threshold, heard)
        votes = votes_of(column, heard.said, self._specs, context)
        own = plan.fusion
        return fuse(votes, own, min_confidence=column.min_confidence, field=column.field), None

    def _planned(self, column: Column) -> _Plan:
        own = self._fusion.for_column(column)
        is_ensemble = own.method is FusionMethod.ENSEMBLE
        plan = self._plans[column.key] = _Plan(
            fusion=own,
            threshold=own.agreement_threshold if is_ensemble else None,
            is_plain=is_read_alone(column.field),
            is_counted=own.method is not FusionMethod.LEARNED,
        )
        return plan

    def _ballots(self, field: str, heard: Heard) -> tuple[_Ballot, ...] | None:
        """Give what was said about a cell; None where it is no short texts, or twice by one."""
        ballots, standings = [], self._standings
        for response, observations in heard.known:
            seen = observations.get(field)
            if seen is None:
                continue
            name, value = response.provider, seen.value
            # Numbers are left out: 1 and True are equal, and not the same.
            if type(value) is not str or len(value) > _LONGEST:
                return None
            family, rank = standings.get(name) or self._standing(name)
            ballots.append((name, family, rank, value, seen.confidence))
        if len(ballots) > 1 and len({ballot[0] for ballot in ballots}) < len(ballots):
            return None
        return tuple(ballots)

    def _standing(self, name: str) -> tuple[str, int]:
        spec = self._specs.get(name)
        standing = (spec.family or spec.name, spec.price_microcredits) if spec else (name, 0)
        self._standings[name] = standing
        return standing


def _counted(
    column: Column, ballots: tuple[_Ballot, ...], threshold: float | None, heard: Heard
) -> _Decided:
    fused = _remembered(column.field, ballots, threshold, column.min_confidence)
    if fused is None:
        return None, None
    for response, observations in heard.known:
        # It may have been asked before, with less, and have had nothing to say of this field.
        if response.provider == fused.provider and column.field in observations:
            return fused, response
    raise AssertionError


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
