"""Choose for a whole batch whom to ask next about which rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from enrich.domain.ballots import fuse_cell, votes_of
from enrich.domain.fusion import Judge, TrustState
from enrich.domain.policy import FusionPolicy, SelectionPolicy
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import OpenBatch, Response
from enrich.domain.selection.budget import allowance, price_factor
from enrich.domain.selection.chooser import Choice, Chooser, OpenCell, belief_of
from enrich.domain.selection.gain import Stakes
from enrich.domain.table import Column, Row
from enrich.domain.waterfall import open_columns, questions_for

__all__ = ["Choosing", "Plan", "affordable", "plan", "stakes_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """What an adaptive run chooses by; `barred` are those whose breaker is open."""

    policy: SelectionPolicy = field(default_factory=SelectionPolicy)
    barred: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The next wave: whom to ask about which rows. Empty when no call is worth its price."""

    choices: Mapping[int, Choice] = field(default_factory=dict)

    @property
    def asks(self) -> Mapping[str, tuple[int, ...]]:
        """The rows by provider, both in order."""
        rows: dict[str, list[int]] = {}
        for row, choice in sorted(self.choices.items()):
            for name in choice.asked:
                rows.setdefault(name, []).append(row)
        return {name: tuple(some) for name, some in sorted(rows.items())}


def stakes_of(column: Column, policy: SelectionPolicy, fusion: FusionPolicy) -> Stakes:
    """Say what a right value of a column earns and a wrong one costs."""
    worth, loss = float(policy.worth_of(column)), policy.loss_of(column)
    if loss is not None:
        return Stakes(worth, float(loss))
    least = min(0.999, max(column.min_confidence, fusion.agreement_threshold))
    return Stakes(worth, worth * least / (1.0 - least))


def plan(
    batch: OpenBatch,
    specs: Sequence[ProviderSpec],
    choosing: Choosing,
    *,
    fusion: FusionPolicy,
    waiting: Collection[int] = (),
) -> Plan:
    """Choose for every row with an open cell; the order of the rows does not matter."""
    able = _able(batch, specs, choosing, waiting)
    said: dict[int, list[Response]] = {}
    for response in batch.responses:
        said.setdefault(response.row, []).append(response)
    judge = fusion.judge or Judge(TrustState())
    view = _View(batch, {spec.name: spec for spec in specs}, choosing.policy, fusion, judge)
    chooser = Chooser(judge, choosing.policy, specs)
    cap = batch.run.options.max_cost_microcredits
    factor = price_factor(batch.progress, cap)
    choices = {
        row.id: chooser.choose(
            view.cells(row, said.get(row.id, ())),
            able[row.id],
            seed=(batch.run.id, row.key),
            is_first=row.id not in said,
            price_factor=factor,
        )
        for row in batch.rows
        if row.id in able
    }
    chosen = {row: choice for row, choice in choices.items() if choice.asked}
    limit = allowance(batch.progress, cap)
    if limit is not None:
        own = [r for r in batch.responses if r.batch == batch.ref.number]
        chosen = affordable(chosen, limit - sum(r.cost_microcredits for r in own))
    return Plan(choices=chosen)


def _able(
    batch: OpenBatch,
    specs: Sequence[ProviderSpec],
    choosing: Choosing,
    waiting: Collection[int],
) -> Mapping[int, Sequence[str]]:
    """Name by row who can be asked something that it was not asked before."""
    able: dict[int, list[str]] = {}
    for spec in specs:
        if spec.gate not in choosing.barred and spec.name not in choosing.barred:
            for query in questions_for(batch, spec, waiting=waiting):
                able.setdefault(query.row, []).append(spec.name)
    return able


@dataclass(frozen=True, slots=True)
class _View:
    """What a batch's cells are looked at with."""

    batch: OpenBatch
    specs: Mapping[str, ProviderSpec]
    policy: SelectionPolicy
    fusion: FusionPolicy
    judge: Judge

    def cells(self, row: Row, said: Sequence[Response]) -> list[OpenCell]:
        """Say of a row's open cells what is believed of them."""
        return [self._cell(row, column, said) for column in open_columns(row, self.batch.run)]

    def _cell(self, row: Row, column: Column, said: Sequence[Response]) -> OpenCell:
        votes = votes_of(column, said, self.specs)
        fused = None
        if votes:
            columns = self.batch.run.columns
            fused = fuse_cell(column, said, self.specs, self.fusion, row=row, columns=columns)
        return OpenCell(
            field_name=column.field,
            stakes=stakes_of(column, self.policy, self.fusion),
            belief=belief_of(fused),
            heard=frozenset(self.judge.family(vote.family) for vote in votes),
        )


def affordable(choices: Mapping[int, Choice], left: float) -> dict[int, Choice]:
    """Keep those that gain most for their price, as far as the money reaches; free ones stay."""
    kept = {}
    order = sorted(choices.items(), key=lambda c: (-c[1].gain / max(1.0, c[1].price), c[0]))
    for row, choice in order:
        if choice.price <= max(0.0, left):
            left -= choice.price
            kept[row] = choice
    return kept
