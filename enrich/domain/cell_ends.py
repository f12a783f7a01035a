"""Write down how the cells of a batch end: the value that may stand, or why there is none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from enrich.domain.ballots import Fusing, Heard
from enrich.domain.endings import reasons_of, unaskable
from enrich.domain.fusion import Fused, Verdict
from enrich.domain.outcome import LATER_KINDS, OutcomeKind, retry_at_of
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import OpenBatch, Response
from enrich.domain.table import CellState, CellWrite, Column, Provenance, Row, Stamp
from enrich.domain.values import is_blank
from enrich.domain.waterfall import open_columns

__all__ = ["STALE", "final_writes", "interim_writes", "with_accepted"]

#: Why a filled cell may be out of date: `observed_at` says since when.
STALE = "stale: the provider was down"

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
#: Outcomes that end a row with a provider, though it did not say that it knows nothing.
_UNANSWERED = frozenset({OutcomeKind.INVALID_INPUT, OutcomeKind.LEGAL_BLOCK})


def with_accepted(
    batch: OpenBatch, specs: Mapping[str, ProviderSpec], *, fusion: FusionPolicy
) -> tuple[OpenBatch, tuple[CellWrite, ...]]:
    """Fill in every open cell whose fused value may stand; give that batch, and the writes."""
    rows, writes, said = [], [], _by_row(batch.responses)
    ending = _Ending(batch, specs, fusion)
    for row in batch.rows:
        filled, own = _accept(row, said.get(row.id, ()), ending)
        rows.append(filled)
        writes += own
    return replace(batch, rows=tuple(rows)), tuple(writes)


def _by_row(responses: Iterable[Response]) -> Mapping[int, Sequence[Response]]:
    said: dict[int, list[Response]] = {}
    for response in responses:
        said.setdefault(response.row, []).append(response)
    return said


def _accept(row: Row, said: Sequence[Response], ending: "_Ending") -> tuple[Row, list[CellWrite]]:
    writes = []
    if said and (undecided := open_columns(row, ending.run)):
        heard = Heard.of(said)
        for column in undecided:
            fused, speaker = ending.fusing.fused(column, heard, row)
            if fused is not None and fused.verdict is Verdict.ACCEPT:
                writes.append(ending.filled(row, column, fused, speaker, heard))
    if not writes:
        return row, writes
    data, cells = dict(row.data), dict(row.cells)
    for write in writes:
        data[write.column] = write.value
        cells[write.column] = write.provenance
    return Row(id=row.id, key=row.key, data=data, cells=cells), writes


class _Ending:
    """What the cells of a batch share as they end."""

    def __init__(
        self, batch: OpenBatch, specs: Mapping[str, ProviderSpec], fusion: FusionPolicy
    ) -> None:
        self.run, self.stamp = batch.run, batch.ref.stamp
        self.fusing = Fusing(specs, fusion, batch.run.columns)
        self._decided_by: dict[str, tuple[str, int]] = {}

    def filled(
        self, row: Row, column: Column, fused: Fused, speaker: Response | None, heard: Heard
    ) -> CellWrite:
        """Write down a value with why it stands; `speaker` is who has its moment."""
        method, trust = self._decided_by.get(column.key) or self._method(column)
        provenance = Provenance(
            state=CellState.FILLED,
            stamp=self.stamp,
            provider=fused.provider,
            confidence=fused.confidence,
            observed_at=speaker.observed_at if speaker else fused.observed_at,
            support=fused.support,
            agreement=fused.agreement,
            reason=STALE if _is_stale(fused, heard) else _note(column.field, fused, heard),
            flags=tuple([flag.value for flag in fused.flags]) if fused.flags else (),
            fusion=method,
            trust=trust,
        )
        return CellWrite(row=row.id, column=column.key, value=fused.value, provenance=provenance)

    def _method(self, column: Column) -> tuple[str, int]:
        own = self.fusing.policy(column)
        judge = own.judge if own.method is FusionMethod.LEARNED else None
        decided = own.method.value, judge.state.version if judge else 0
        self._decided_by[column.key] = decided
        return decided


def _is_stale(fused: Fused, heard: Heard) -> bool:
    return heard.has_stale and any(r.stale and r.provider == fused.provider for r in heard.said)


def _note(field: str, fused: Fused, heard: Heard) -> str:
    """Give why the one who spoke is as sure as it is, in its own words."""
    for response, observations in heard.known:
        if response.provider == fused.provider and (seen := observations.get(field)) is not None:
            return seen.note
    return ""


def final_writes(
    batch: OpenBatch,
    specs: Mapping[str, ProviderSpec],
    waiting: Mapping[int, datetime],
    fusion: FusionPolicy,
) -> tuple[CellWrite, ...]:
    """Give every cell that is still open its end: the best doubtful value, or why there is none."""
    writes, said_of = [], _by_row(batch.responses)
    ending = _Ending(batch, specs, fusion)
    for row in batch.rows:
        if row.id in waiting:
            continue
        said = said_of.get(row.id, ())
        heard = Heard.of(said)
        for column in open_columns(row, batch.run):
            fused, speaker = ending.fusing.fused(column, heard, row)
            if fused is not None:
                writes.append(ending.filled(row, column, fused, speaker, heard))
            else:
                ended = _unfilled(column, said, specs, batch.ref.stamp)
                writes.append(CellWrite(row=row.id, column=column.key, provenance=ended))
    return tuple(writes)


def interim_writes(batch: OpenBatch, waiting: Mapping[int, datetime]) -> tuple[CellWrite, ...]:
    """Mark the empty cells of rows that wait: pending, and until when. They are not counted yet.

    A cell that has a value keeps it, and its provenance, until it is decided.
    """
    return tuple(
        CellWrite(
            row=row.id,
            column=column.key,
            provenance=Provenance(
                state=CellState.PENDING, stamp=batch.ref.stamp, retry_at=waiting[row.id]
            ),
        )
        for row in batch.rows
        if row.id in waiting
        for column in open_columns(row, batch.run)
        if is_blank(row.data.get(column.key))
    )


def _unfilled(
    column: Column, said: Iterable[Response], specs: Mapping[str, ProviderSpec], stamp: Stamp
) -> Provenance:
    """Say truthfully why a cell has no value."""
    able = [r for r in said if (spec := specs.get(r.provider)) and column.field in spec.gives]
    later = [r for r in able if r.outcome.kind in LATER_KINDS]
    unknown = [r for r in able if r.outcome.kind in _UNKNOWN_AFTER]
    skipped = [r for r in able if r.outcome.kind is OutcomeKind.SKIPPED]
    if later:
        state, because = CellState.PENDING, later
    elif unknown:
        state, because = CellState.FAILED, unknown
    elif skipped:
        state, because = CellState.SKIPPED, skipped
    elif able:
        why = reasons_of(r for r in able if r.outcome.kind in _UNANSWERED)
        seen_at = _latest(able)
        return Provenance(state=CellState.NOT_FOUND, stamp=stamp, observed_at=seen_at, reason=why)
    else:
        reason = unaskable(column.field, specs.values())
        return Provenance(state=CellState.SKIPPED, stamp=stamp, reason=reason)
    return Provenance(
        state=state, stamp=stamp, reason=reasons_of(because), retry_at=_soonest(because)
    )


def _latest(said: Iterable[Response]) -> datetime:
    return max(r.observed_at for r in said)


def _soonest(said: Iterable[Response]) -> datetime | None:
    moments = [moment for r in said if (moment := retry_at_of(r.outcome)) is not None]
    return min(moments, default=None)
