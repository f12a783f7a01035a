"""What an adaptive run chooses by: the settings, and who is left alone just now."""

from collections.abc import Mapping, Sequence

from enrich.domain.fusion import Fused, Judge, Vote
from enrich.domain.run import Order, RunView
from enrich.domain.selection.chooser import Chooser, OpenCell, belief_of
from enrich.domain.selection.plan import Choosing, stakes_of
from enrich.domain.table import Column
from enrich.engine.parts import Parts

__all__ = ["choosing_of", "worth_of_asking"]


def choosing_of(parts: Parts, run: RunView) -> Choosing | None:
    """Give what a run chooses by; None where the order of asking is fixed."""
    if run.options.order is not Order.ADAPTIVE:
        return None
    gates = tuple(sorted({spec.gate for spec in parts.of(run.columns).specs}))
    status = parts.breakers.status(gates)
    now = parts.clock.now()
    barred = frozenset(gate for gate, one in status.items() if one.is_shut(now))
    return Choosing(policy=parts.policies.selection, barred=barred)


def worth_of_asking(
    parts: Parts, column: Column, fused: Fused | None, votes: Sequence[Vote], judge: Judge
) -> Mapping[str, float]:
    """Give by provider what asking it about a cell would be worth now, in micro-credits.

    Those of a family that was heard are left out: they would say nothing new.
    """
    policies = parts.policies
    specs = parts.of((column,)).specs
    asked = {vote.provider for vote in votes}
    cell = OpenCell(
        field_name=column.field,
        stakes=stakes_of(column, policies.selection, policies.by_worth),
        belief=belief_of(fused),
        heard=frozenset(judge.family(vote.family) for vote in votes),
    )
    able = [s.name for s in specs if column.field in s.gives and s.name not in asked]
    choice = Chooser(judge, policies.selection, specs).choose([cell], able, seed=(), is_first=False)
    return choice.worth
