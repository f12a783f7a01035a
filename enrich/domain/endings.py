"""Write down how the cells of a batch end: the value that may stand, or why there is none."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from enrich.domain.ballots import fuse_cell
from enrich.domain.fusion import Fused, Verdict
from enrich.domain.outcome import LATER_KINDS, Found, OutcomeKind, retry_at_of
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import Counts, OpenBatch, Response
from enrich.domain.table import CellState, CellWrite, Column, Provenance, Row, Stamp
from enrich.domain.values import is_blank
from enrich.domain.waterfall import open_columns

__all__ = [
    "NOBODY_GIVES",
    "NO_INPUT",
    "STALE",
    "Ending",
    "endings_by_reason",
    "endings_of",
    "final_writes",
    "interim_writes",
    "is_outage",
    "is_without_input",
    "needed_field",
    "with_accepted",
]

#: Why a filled cell may be out of date: `observed_at` says since when.
STALE = "stale: the provider was down"
#: How a cell's reason begins that nobody was asked about.
NO_INPUT = "no provider could be asked with what the row has"
NOBODY_GIVES = "no provider gives the field"
_NEEDS = " (needs "

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
#: What a reason may say about one row alone, so that it would be counted by itself; a provider's
#: name, which a reason begins with, may have many digits too.
_OF_ONE_ROW = re.compile(r"(?<!\S)(?![a-z][a-z0-9_]*: )(?:\S*@\S+|\S*\d{5,}\S*)")
#: Of one batch; where there are more, they are counted without what is in brackets.
_REASONS_KEPT = 8
#: So many of the ways to ask are told where none is open.
_WAYS_TOLD = 3
_IN_BRACKETS = re.compile(r" \([^()]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """So many cells of a run ended in one state for one reason, without a value."""

    state: CellState
    reason: str
    cells: int


def is_outage(ending: Ending) -> bool:
    """Say whether the cells have no value because nobody who may know could be asked."""
    return ending.state is CellState.FAILED or (
        ending.state is CellState.SKIPPED and ": skipped (breaker " in ending.reason
    )


def is_without_input(ending: Ending) -> bool:
    """Say whether the cells have no value because their rows hold nothing to ask with."""
    return ending.state is CellState.SKIPPED and ending.reason.startswith((NO_INPUT, NOBODY_GIVES))


def needed_field(ending: Ending) -> str:
    """Name a field with which somebody could be asked; empty where the reason tells of none."""
    return ending.reason.partition(_NEEDS)[2].partition(" ")[0].removesuffix(")")


def endings_by_reason(writes: Iterable[CellWrite]) -> Counter[str]:
    """Count the cells without a value by state and reason, as `Counts.endings` holds them.

    A run adds these up over its batches, so no reason is of one row alone, and none is long.
    """
    ends = [write.provenance for write in writes if write.provenance.state is not CellState.FILLED]
    counted = Counter(f"{end.state.value} {_of_many(end.reason)}" for end in ends)
    if len(counted) > _REASONS_KEPT:
        counted = Counter(
            f"{end.state.value} {_IN_BRACKETS.sub('', _of_many(end.reason))}" for end in ends
        )
    return counted


def _of_many(reason: str) -> str:
    return _OF_ONE_ROW.sub("…", reason)[:200]


def endings_of(counts: Counts) -> tuple[Ending, ...]:
    """Give why cells of a run have no value, most first."""
    order = sorted(counts.endings.items(), key=lambda each: (-each[1], each[0]))
    named = ((*name.partition(" "), cells) for name, cells in order)
    return tuple(
        Ending(state=CellState(state), reason=reason, cells=cells)
        for state, _, reason, cells in named
    )


def with_accepted(
    batch: OpenBatch, specs: Mapping[str, ProviderSpec], *, fusion: FusionPolicy
) -> tuple[OpenBatch, tuple[CellWrite, ...]]:
    """Fill in every open cell whose fused value may stand; give that batch, and the writes."""
    rows, writes, said = [], [], _by_row(batch.responses)
    for row in batch.rows:
        filled, own = _accept(row, said.get(row.id, ()), batch, specs, fusion)
        rows.append(filled)
        writes += own
    return replace(batch, rows=tuple(rows)), tuple(writes)


def _by_row(responses: Iterable[Response]) -> Mapping[int, Sequence[Response]]:
    said: dict[int, list[Response]] = {}
    for response in responses:
        said.setdefault(response.row, []).append(response)
    return said


def _accept(
    row: Row,
    said: Sequence[Response],
    batch: OpenBatch,
    specs: Mapping[str, ProviderSpec],
    fusion: FusionPolicy,
) -> tuple[Row, list[CellWrite]]:
    writes = []
    for column in open_columns(row, batch.run) if said else ():
        fused = fuse_cell(column, said, specs, fusion, row=row, columns=batch.run.columns)
        if fused is not None and fused.verdict is Verdict.ACCEPT:
            writes.append(_filled(row, column, fused, said, batch.ref.stamp, fusion))
    if not writes:
        return row, writes
    data, cells = dict(row.data), dict(row.cells)
    for write in writes:
        data[write.column] = write.value
        cells[write.column] = write.provenance
    return Row(id=row.id, key=row.key, data=data, cells=cells), writes


def _filled(
    row: Row,
    column: Column,
    fused: Fused,
    said: Iterable[Response],
    stamp: Stamp,
    fusion: FusionPolicy,
) -> CellWrite:
    own = fusion.for_column(column)
    judge = own.judge if own.method is FusionMethod.LEARNED else None
    spoke = [r for r in said if r.provider == fused.provider]
    is_stale = any(r.stale for r in spoke)
    provenance = Provenance(
        state=CellState.FILLED,
        stamp=stamp,
        provider=fused.provider,
        confidence=fused.confidence,
        observed_at=fused.observed_at,
        support=fused.support,
        agreement=fused.agreement,
        reason=STALE if is_stale else _note(column, spoke),
        flags=tuple([flag.value for flag in fused.flags]),
        fusion=own.method.value,
        trust=judge.state.version if judge else 0,
    )
    return CellWrite(row=row.id, column=column.key, value=fused.value, provenance=provenance)


def _note(column: Column, spoke: Iterable[Response]) -> str:
    """Give why the one who spoke is as sure as it is, in its own words."""
    for response in spoke:
        if isinstance(response.outcome, Found):
            seen = response.outcome.observations.get(column.field)
            if seen is not None:
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
    for row in batch.rows:
        if row.id in waiting:
            continue
        said = said_of.get(row.id, ())
        for column in open_columns(row, batch.run):
            fused = fuse_cell(column, said, specs, fusion, row=row, columns=batch.run.columns)
            if fused is not None:
                writes.append(_filled(row, column, fused, said, batch.ref.stamp, fusion))
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
        why = _reasons(r for r in able if r.outcome.kind in _UNANSWERED)
        seen_at = _latest(able)
        return Provenance(state=CellState.NOT_FOUND, stamp=stamp, observed_at=seen_at, reason=why)
    else:
        reason = _unaskable(column.field, specs.values())
        return Provenance(state=CellState.SKIPPED, stamp=stamp, reason=reason)
    return Provenance(
        state=state, stamp=stamp, reason=_reasons(because), retry_at=_soonest(because)
    )


def _unaskable(field: str, specs: Iterable[ProviderSpec]) -> str:
    """Say what would let somebody be asked: what those who give the field start from most often."""
    able = [spec for spec in specs if field in spec.gives]
    ways = Counter(way for spec in able for way in spec.inputs if field not in way)
    if not able:
        return f"{NOBODY_GIVES} {field!r}"
    if not ways:
        return NO_INPUT
    order = sorted(ways, key=lambda way: (-ways[way], len(way), sorted(way)))
    told = [" with ".join(sorted(way)) for way in order[:_WAYS_TOLD]]
    return f"{NO_INPUT}{_NEEDS}{' or '.join(told)})"


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
