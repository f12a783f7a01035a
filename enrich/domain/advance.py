"""Decide what becomes of a batch when its providers have answered."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from enrich.domain.cell_ends import final_writes, interim_writes, with_accepted
from enrich.domain.endings import endings_by_reason
from enrich.domain.outcome import Found, Pending, RateLimited, retry_at_of
from enrich.domain.policy import FusionPolicy, RunPolicy
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.run import Counts, OpenBatch, Order, Phase, Response
from enrich.domain.selection.plan import Choosing, plan
from enrich.domain.table import CellState, CellWrite
from enrich.domain.values import is_blank
from enrich.domain.waterfall import (
    PROBE_TIERS,
    is_protected,
    next_questions,
    open_columns,
    questions_for,
    waterfall_order,
)

__all__ = ["Decision", "advance", "waiting_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to write, and where the batch goes: to `providers` in a next wave, or to its end.

    `waiting` rows are asked about again at `ready_at`, as a batch of their own. `asks` names the
    rows of each provider where they were chosen.
    """

    writes: tuple[CellWrite, ...]
    phase: Phase
    wave: int
    providers: tuple[str, ...] = ()
    waiting: tuple[int, ...] = ()
    ready_at: datetime | None = None
    asks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


def advance(
    batch: OpenBatch,
    specs: Sequence[ProviderSpec],
    *,
    fusion: FusionPolicy,
    runs: RunPolicy,
    now: datetime,
    choosing: Choosing | None = None,
) -> Decision:
    """Fuse what is known, then choose: another wave of probes, premium, or the end.

    With `choosing` whom to ask next is chosen row by row, and a cell stays open as long as another
    answer is worth its price.
    """
    if choosing is not None and batch.ref.wave < runs.max_waves:
        chosen = _chosen(batch, specs, choosing, fusion=fusion, runs=runs, now=now)
        if chosen is not None:
            return chosen
        specs_onward: Sequence[ProviderSpec] = ()
    else:
        specs_onward = () if choosing is not None else specs
    by_name = {spec.name: spec for spec in specs}
    after, accepted = with_accepted(batch, by_name, fusion=fusion)
    waiting = waiting_rows(after, by_name, runs=runs, now=now)
    # Every look at a row's cells counts: most rows are decided by now.
    rest = replace(after, rows=tuple([r for r in after.rows if open_columns(r, batch.run)]))
    onward = None if batch.ref.wave >= runs.max_waves else _onward(rest, specs_onward, waiting)
    if onward is not None:
        return replace(onward, writes=accepted, counts=_count(accepted, batch))
    final = accepted + final_writes(rest, by_name, waiting, fusion)
    saved = _premium_saved(batch, after, specs, waiting)
    return Decision(
        writes=final + interim_writes(rest, waiting),
        phase=Phase.DONE,
        wave=batch.ref.wave,
        waiting=tuple(sorted(waiting)),
        ready_at=min(waiting.values(), default=None),
        counts=_count(final, batch) + _spent(batch) + Counts(premium_saved=saved),
    )


def _chosen(
    batch: OpenBatch,
    specs: Sequence[ProviderSpec],
    choosing: Choosing,
    *,
    fusion: FusionPolicy,
    runs: RunPolicy,
    now: datetime,
) -> Decision | None:
    """Choose the next wave; cells of rows that it asks about stay open. None at the end."""
    by_name = {spec.name: spec for spec in specs}
    settled, _ = with_accepted(batch, by_name, fusion=fusion)
    waiting = waiting_rows(settled, by_name, runs=runs, now=now)
    asked = plan(batch, specs, choosing, fusion=fusion, waiting=waiting).choices.keys()
    rest = replace(batch, rows=tuple(row for row in batch.rows if row.id not in asked))
    after, accepted = with_accepted(rest, by_name, fusion=fusion)
    done = {row.id: row for row in after.rows}
    rows = tuple(done.get(row.id, row) for row in batch.rows)
    # What has just been accepted may be what somebody needs to be asked with.
    chosen = plan(replace(batch, rows=rows), specs, choosing, fusion=fusion, waiting=waiting)
    if not chosen.asks:
        return None
    return Decision(
        writes=accepted,
        phase=Phase.PROBE,
        wave=batch.ref.wave + 1,
        providers=tuple(chosen.asks),
        asks=chosen.asks,
        counts=_count(accepted, batch),
    )


def waiting_rows(
    batch: OpenBatch, specs: Mapping[str, ProviderSpec], *, runs: RunPolicy, now: datetime
) -> dict[int, datetime]:
    """Find rows with an open cell that a provider may still fill, and when to ask it again."""
    latest = now + timedelta(seconds=runs.max_wait_s)
    rows = {row.id: row for row in batch.rows}
    waiting: dict[int, datetime] = {}
    for response in batch.responses:
        if isinstance(response.outcome, Found) or _has_waited_enough(batch, response, runs):
            continue
        retry_at = retry_at_of(response.outcome)
        row, spec = rows.get(response.row), specs.get(response.provider)
        if retry_at is None or row is None or spec is None:
            continue
        fields = {column.field for column in open_columns(row, batch.run)}
        if retry_at <= latest and fields & spec.gives.keys():
            waiting[row.id] = min(retry_at, waiting.get(row.id, retry_at))
    return waiting


def _has_waited_enough(batch: OpenBatch, response: Response, runs: RunPolicy) -> bool:
    """Say whether a row is not asked about again after that; every wait has its end."""
    if response.waits_for_money:
        return batch.money_waits.get(response.row, 0) >= runs.max_money_waits
    match response.outcome:
        case RateLimited():
            return batch.ref.attempt > runs.max_limited
        case Pending():
            return batch.ref.attempt > runs.max_deferrals
        case _:
            return True


def _onward(
    batch: OpenBatch, specs: Sequence[ProviderSpec], waiting: Mapping[int, datetime]
) -> Decision | None:
    """Name the next wave: probes while there are any, then premium; None at the end.

    The batch has only rows with an open cell.
    """
    if not batch.rows:
        return None
    probes = [spec for spec in waterfall_order(specs) if spec.tier in PROBE_TIERS]
    able = next_questions(batch, probes, waiting=waiting)
    if able:
        chosen = able if batch.run.options.order is Order.PARALLEL else able[:1]
        return Decision(writes=(), phase=Phase.PROBE, wave=batch.ref.wave + 1, providers=chosen)
    premium = [spec for spec in waterfall_order(specs) if spec.tier is Tier.PREMIUM]
    able = next_questions(batch, premium, waiting=waiting)
    if able:
        return Decision(writes=(), phase=Phase.PREMIUM, wave=batch.ref.wave + 1, providers=able)
    return None


def _premium_saved(
    before: OpenBatch,
    after: OpenBatch,
    specs: Sequence[ProviderSpec],
    waiting: Collection[int],
) -> int:
    """Count the premium questions that the cheaper answers made needless; not yet of who waits."""
    premium = [spec for spec in specs if spec.tier is Tier.PREMIUM]
    if not premium:
        return 0
    asked = {(r.row, r.provider) for r in after.responses}
    start = _as_at_start(before)
    return sum(
        (query.row, spec.name) not in asked
        for spec in premium
        for query in questions_for(start, spec, waiting=waiting)
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


def _spent(batch: OpenBatch) -> Counts:
    """Sum up what the ledger says of this batch; other batches of the run count their own."""
    own = [r for r in batch.responses if r.batch == batch.ref.number]
    return Counts(
        cost_microcredits=sum(r.cost_microcredits for r in own),
        provider_calls=sum(r.calls for r in own),
        cache_hits=sum(r.from_cache for r in own),
        answers=Counter(f"{r.provider}/{r.outcome.kind.value}" for r in own if not r.from_cache),
    )


def _count(writes: Sequence[CellWrite], batch: OpenBatch) -> Counts:
    before = {row.id: row.data for row in batch.rows}
    filled = [write for write in writes if write.provenance.state is CellState.FILLED]
    changed = sum(
        not is_blank(was := before[write.row].get(write.column)) and was != write.value
        for write in filled
    )
    others = [write for write in writes if write.provenance.state is not CellState.FILLED]
    totals: dict[str, Any] = Counter(write.provenance.state.value for write in others)
    return Counts(**totals, filled=len(filled), changed=changed, endings=endings_by_reason(others))
