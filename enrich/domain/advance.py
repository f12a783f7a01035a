"""Decide what becomes of a batch when its providers have answered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from enrich.domain.fusion import Fused, Verdict, Vote, fuse
from enrich.domain.outcome import Found, OutcomeKind, retry_at_of
from enrich.domain.policy import FusionPolicy, RunPolicy
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.run import Counts, OpenBatch, Phase, Response
from enrich.domain.table import CellState, CellWrite, Column, Provenance, Row, Stamp
from enrich.domain.values import is_blank
from enrich.domain.waterfall import (
    is_protected,
    next_questions,
    open_columns,
    probe_tiers,
    questions_for,
    waterfall_order,
)

__all__ = ["Decision", "advance", "with_accepted"]

#: Outcomes after which nobody can say whether the provider knows the row.
_UNKNOWN_AFTER = frozenset(
    {
        OutcomeKind.UNAVAILABLE,
        OutcomeKind.MALFORMED,
        OutcomeKind.UNAUTHORIZED,
        OutcomeKind.CREDITS_EXHAUSTED,
        OutcomeKind.GONE,
    }
)
#: Outcomes that say when to come back.
_LATER = frozenset({OutcomeKind.PENDING, OutcomeKind.RATE_LIMITED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to write, and where the batch goes: to `providers` in a next wave, or to its end.

    `waiting` rows are asked about again at `ready_at`, as a batch of their own.
    """

    writes: tuple[CellWrite, ...]
    phase: Phase
    wave: int
    providers: tuple[str, ...] = ()
    waiting: tuple[int, ...] = ()
    ready_at: datetime | None = None
    counts: Counts = field(default_factory=Counts)


def advance(
    batch: OpenBatch,
    specs: Sequence[ProviderSpec],
    *,
    fusion: FusionPolicy,
    runs: RunPolicy,
    now: datetime,
) -> Decision:
    """Fuse what is known, then choose: another wave of probes, premium, or the end."""
    by_name = {spec.name: spec for spec in specs}
    after, accepted = with_accepted(batch, by_name, fusion=fusion)
    waiting = _waiting(after, by_name, now + timedelta(seconds=runs.max_wait_s))
    onward = _onward(after, specs, waiting)
    if onward is not None:
        return replace(onward, writes=accepted, counts=_count(accepted))
    final = accepted + _final_writes(after, by_name, waiting, fusion)
    saved = _premium_saved(batch, after, specs)
    return Decision(
        writes=final,
        phase=Phase.DONE,
        wave=batch.ref.wave,
        waiting=tuple(sorted(waiting)),
        ready_at=min(waiting.values(), default=None),
        counts=replace(_count(final), premium_saved=saved),
    )


def with_accepted(
    batch: OpenBatch, specs: Mapping[str, ProviderSpec], *, fusion: FusionPolicy
) -> tuple[OpenBatch, tuple[CellWrite, ...]]:
    """Fill in every open cell whose fused value may stand; give that batch, and the writes."""
    rows, writes = [], []
    for row in batch.rows:
        filled, own = _accept(row, batch, specs, fusion)
        rows.append(filled)
        writes += own
    return replace(batch, rows=tuple(rows)), tuple(writes)


def _accept(
    row: Row, batch: OpenBatch, specs: Mapping[str, ProviderSpec], fusion: FusionPolicy
) -> tuple[Row, list[CellWrite]]:
    said = [r for r in batch.responses if r.row == row.id]
    writes = []
    for column in open_columns(row, batch.run):
        fused = _fused(column, said, specs, fusion)
        if fused is not None and fused.verdict is Verdict.ACCEPT:
            writes.append(_filled(row, column, fused, batch.ref.stamp))
    data = row.data | {write.column: write.value for write in writes}
    cells = {**row.cells, **{write.column: write.provenance for write in writes}}
    return replace(row, data=data, cells=cells), writes


def _fused(
    column: Column,
    said: Iterable[Response],
    specs: Mapping[str, ProviderSpec],
    fusion: FusionPolicy,
) -> Fused | None:
    votes = [vote for r in said if (vote := _vote(column, r, specs.get(r.provider))) is not None]
    return fuse(votes, fusion, min_confidence=column.min_confidence)


def _vote(column: Column, response: Response, spec: ProviderSpec | None) -> Vote | None:
    if not isinstance(response.outcome, Found):
        return None
    seen = response.outcome.observations.get(column.field)
    if seen is None or is_blank(seen.value):
        return None
    return Vote(
        provider=response.provider,
        family=spec.family or spec.name if spec else response.provider,
        rank=spec.price_microcredits if spec else 0,
        value=seen.value,
        confidence=seen.confidence,
        observed_at=response.observed_at,
    )


def _filled(row: Row, column: Column, fused: Fused, stamp: Stamp) -> CellWrite:
    provenance = Provenance(
        state=CellState.FILLED,
        stamp=stamp,
        provider=fused.provider,
        confidence=fused.confidence,
        observed_at=fused.observed_at,
        support=fused.support,
        agreement=fused.agreement,
    )
    return CellWrite(row=row.id, column=column.key, value=fused.value, provenance=provenance)


def _waiting(
    batch: OpenBatch, specs: Mapping[str, ProviderSpec], latest: datetime
) -> dict[int, datetime]:
    """Find rows with an open cell that a provider may still fill, and when to ask it again."""
    rows = {row.id: row for row in batch.rows}
    waiting: dict[int, datetime] = {}
    for response in batch.responses:
        retry_at = retry_at_of(response.outcome)
        row, spec = rows.get(response.row), specs.get(response.provider)
        if response.outcome.kind not in _LATER or retry_at is None or row is None or spec is None:
            continue
        fields = {column.field for column in open_columns(row, batch.run)}
        if retry_at <= latest and fields & spec.gives.keys():
            waiting[row.id] = min(retry_at, waiting.get(row.id, retry_at))
    return waiting


def _onward(
    batch: OpenBatch, specs: Sequence[ProviderSpec], waiting: Mapping[int, datetime]
) -> Decision | None:
    """Name the next wave: probes while there are any, then premium; None at the end."""
    probes = [spec for spec in waterfall_order(specs) if spec.tier in probe_tiers]
    able = next_questions(batch, probes, waiting=waiting)
    if able:
        chosen = able if batch.run.options.parallel_probes else able[:1]
        return Decision(writes=(), phase=Phase.PROBE, wave=batch.ref.wave + 1, providers=chosen)
    premium = [spec for spec in waterfall_order(specs) if spec.tier is Tier.PREMIUM]
    able = next_questions(batch, premium, waiting=waiting)
    if able:
        return Decision(writes=(), phase=Phase.PREMIUM, wave=batch.ref.wave + 1, providers=able)
    return None


def _final_writes(
    batch: OpenBatch,
    specs: Mapping[str, ProviderSpec],
    waiting: Mapping[int, datetime],
    fusion: FusionPolicy,
) -> tuple[CellWrite, ...]:
    """Give every cell that is still open its end: the best doubtful value, or why there is none."""
    writes = []
    for row in batch.rows:
        if row.id in waiting:
            continue
        said = [r for r in batch.responses if r.row == row.id]
        for column in open_columns(row, batch.run):
            fused = _fused(column, said, specs, fusion)
            if fused is not None:
                writes.append(_filled(row, column, fused, batch.ref.stamp))
            else:
                ended = _unfilled(column, said, specs, batch.ref.stamp)
                writes.append(CellWrite(row=row.id, column=column.key, provenance=ended))
    return tuple(writes)


def _unfilled(
    column: Column, said: Iterable[Response], specs: Mapping[str, ProviderSpec], stamp: Stamp
) -> Provenance:
    """Say truthfully why a cell has no value."""
    able = [r for r in said if (spec := specs.get(r.provider)) and column.field in spec.gives]
    later = [r for r in able if r.outcome.kind in _LATER]
    unknown = [r for r in able if r.outcome.kind in _UNKNOWN_AFTER]
    skipped = [r for r in able if r.outcome.kind is OutcomeKind.SKIPPED]
    if later:
        state, because = CellState.PENDING, later
    elif unknown:
        state, because = CellState.FAILED, unknown
    elif skipped:
        state, because = CellState.SKIPPED, skipped
    elif able:
        return Provenance(state=CellState.NOT_FOUND, stamp=stamp, observed_at=_latest(able))
    else:
        reason = "no provider could be asked with what the row has"
        return Provenance(state=CellState.SKIPPED, stamp=stamp, reason=reason)
    return Provenance(
        state=state, stamp=stamp, reason=_reasons(because), retry_at=_soonest(because)
    )


def _latest(said: Iterable[Response]) -> datetime:
    return max(r.observed_at for r in said)


def _soonest(said: Iterable[Response]) -> datetime | None:
    moments = [moment for r in said if (moment := retry_at_of(r.outcome)) is not None]
    return min(moments, default=None)


def _reasons(said: Iterable[Response]) -> str:
    """Name who and why, in the order of names: `linkedin_api: unavailable (timed out)`."""
    texts = set()
    for r in said:
        why = getattr(r.outcome, "reason", "")
        texts.add(f"{r.provider}: {r.outcome.kind.value}" + (f" ({why})" if why else ""))
    return "; ".join(sorted(texts))


def _premium_saved(before: OpenBatch, after: OpenBatch, specs: Sequence[ProviderSpec]) -> int:
    """Count the premium questions that the cheaper answers made needless."""
    asked = {(r.row, r.provider) for r in after.responses}
    start = _as_at_start(before)
    return sum(
        (query.row, spec.name) not in asked
        for spec in specs
        if spec.tier is Tier.PREMIUM
        for query in questions_for(start, spec)
    )


def _as_at_start(batch: OpenBatch) -> OpenBatch:
    """Give the batch as it was before this run wrote to it."""
    rows = []
    for row in batch.rows:
        ours = {
            column.key
            for column in batch.run.wanted_columns
            if not is_protected(row, column)
            and (seen := row.cells.get(column.key))
            and seen.stamp.number == batch.run.id
        }
        rows.append(
            replace(
                row,
                data={k: v for k, v in row.data.items() if k not in ours},
                cells={k: v for k, v in row.cells.items() if k not in ours},
            )
        )
    return replace(batch, rows=tuple(rows), responses=())


def _count(writes: Iterable[CellWrite]) -> Counts:
    totals: dict[str, int] = {}
    for write in writes:
        name = write.provenance.state.value
        totals[name] = totals.get(name, 0) + 1
    return Counts(**totals)
