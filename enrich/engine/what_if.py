"""Ask again in thought: what another order of asking would have made of the recorded answers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice

from enrich.domain.fusion import Fused, Verdict, fuse
from enrich.domain.policy import FusionPolicy
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import Order, Response
from enrich.domain.selection.chooser import Chooser, OpenCell, belief_of
from enrich.domain.selection.plan import stakes_of
from enrich.domain.table import PERSON
from enrich.domain.waterfall import PROBE_TIERS, waterfall_order
from enrich.engine.gather import HeardCell, Hearing, heard_cells
from enrich.engine.parts import Parts
from enrich.engine.replay import Change

__all__ = ["WhatIf", "what_if"]


@dataclass(slots=True)
class WhatIf:
    """What was found; nothing was written and nobody was asked.

    `spent_microcredits` is what all recorded answers cost by their providers' rules, the cache left
    out of account, and `would_spend_microcredits` those that this order would have asked for.
    `accepted` counts cells whose value would stand; `labelled_right` those of known truth that it
    would get right, `labelled_right_before` those that are right as they stand.
    """

    policy: str
    trust: int
    rows: int = 0
    cells: int = 0
    accepted: int = 0
    answers: int = 0
    would_ask: int = 0
    spent_microcredits: int = 0
    would_spend_microcredits: int = 0
    changed: int = 0
    changes: list[Change] = field(default_factory=list)
    labelled: int = 0
    labelled_right: int = 0
    labelled_right_before: int = 0

    @property
    def saved_microcredits(self) -> int:
        """What would not have been spent."""
        return self.spent_microcredits - self.would_spend_microcredits


def what_if(
    parts: Parts, hearing: Hearing, *, order: Order, most_rows: int | None = None
) -> WhatIf:
    """Play an order of asking over a table's recorded answers; who never answered is not asked.

    Rows of which nobody knew anything are left out; `most_rows` of the others are played.

    Raises `UnknownNameError`.
    """
    judge, policies = hearing.judge(parts), parts.policies
    chosen = policies.by_worth if order is Order.ADAPTIVE else policies.fusion
    policy = replace(chosen, judge=judge)
    present = parts.rows.table(hearing.tenant, hearing.table).columns
    specs = {spec.name: spec for spec in parts.of(present).specs}
    found = WhatIf(policy=order.value, trust=judge.state.version)
    chooser = Chooser(judge, policies.selection, tuple(specs.values()))
    cells_heard = heard_cells(parts, hearing.tenant, hearing.table, hearing.columns)
    rows = groupby(cells_heard, lambda cell: cell.row.id)
    for _, group in islice(rows, most_rows):
        cells = tuple(group)
        said = {r.provider: r for r in cells[0].said if r.provider in specs}
        game = _Game(cells=cells, said=said, specs=specs, policy=policy)
        game.play(order, chooser, parts)
        _count(found, game, hearing.shown)
    return found


@dataclass(slots=True)
class _Game:
    """One row under way: whom of those that answered the order has asked so far."""

    cells: Sequence[HeardCell]
    said: dict[str, Response]
    specs: dict[str, ProviderSpec]
    policy: FusionPolicy
    asked: set[str] = field(default_factory=set)

    def fused(self, cell: HeardCell) -> Fused | None:
        """Fuse what the asked ones said of a cell."""
        heard = [vote for vote in cell.votes if vote.provider in self.asked]
        own = self.policy.for_column(cell.column)
        least = cell.column.min_confidence
        return fuse(heard, own, min_confidence=least, field=cell.column.field)

    def play(self, order: Order, chooser: Chooser, parts: Parts) -> None:
        """Ask until the order is done with the row."""
        while names := self._next(order, chooser, parts):
            self.asked.update(names)

    def _next(self, order: Order, chooser: Chooser, parts: Parts) -> Iterable[str]:
        left = [self.specs[name] for name in sorted(self.said) if name not in self.asked]
        if order is Order.ADAPTIVE:
            able = [spec.name for spec in left]
            cells = [self._open(cell, chooser, parts) for cell in self.cells]
            return chooser.choose(cells, able, seed=(), is_first=False).asked
        unsettled = [c for c in self.cells if not _is_accepted(self.fused(c))]
        useful = [s for s in left if any(c.column.field in s.gives for c in unsettled)]
        ordered = waterfall_order(useful)
        early = tuple(spec.name for spec in ordered if spec.tier in PROBE_TIERS)
        if order is Order.PARALLEL and early:
            return early
        return tuple(spec.name for spec in ordered[:1])

    def _open(self, cell: HeardCell, chooser: Chooser, parts: Parts) -> OpenCell:
        family: Callable[[str], str] = chooser.judge.family
        heard = frozenset(family(v.family) for v in cell.votes if v.provider in self.asked)
        return OpenCell(
            field_name=cell.column.field,
            stakes=stakes_of(cell.column, parts.policies.selection, self.policy),
            belief=belief_of(self.fused(cell)),
            heard=heard,
        )

    def cost(self, names: Iterable[str]) -> int:
        """Give what the answers of these cost, in micro-credits."""
        return sum(self.specs[name].cost_of(self.said[name].outcome) for name in names)


def _is_accepted(fused: Fused | None) -> bool:
    return fused is not None and fused.verdict is Verdict.ACCEPT


def _count(found: WhatIf, game: _Game, shown: int) -> None:
    found.rows += 1
    found.answers += len(game.said)
    found.would_ask += len(game.asked)
    found.spent_microcredits += game.cost(game.said)
    found.would_spend_microcredits += game.cost(sorted(game.asked))
    for cell in game.cells:
        _count_cell(found, cell, game.fused(cell), shown)


def _count_cell(found: WhatIf, cell: HeardCell, fused: Fused | None, shown: int) -> None:
    found.cells += 1
    found.accepted += _is_accepted(fused)
    standing = cell.row.data.get(cell.column.key)
    value = fused.value if fused else None
    provenance = cell.row.cells.get(cell.column.key)
    before, after = cell.key_of(standing), cell.key_of(value)
    if cell.right is not None:
        found.labelled += 1
        found.labelled_right += after in cell.right
        found.labelled_right_before += before in cell.right
    if provenance is None or provenance.provider == PERSON or before == after:
        return
    found.changed += 1
    if len(found.changes) < shown:
        found.changes.append(
            Change(
                row=cell.row.key,
                column=cell.column.key,
                before=standing,
                after=value,
                confidence_before=provenance.confidence,
                confidence=fused.confidence if fused else 0.0,
            )
        )
