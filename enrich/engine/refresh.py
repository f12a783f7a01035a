"""Ask anew about cells that have probably changed since, as far as that is worth its price."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from enrich.domain.fusion import Judge
from enrich.domain.run import Force, Order, RunOptions
from enrich.domain.selection.chooser import Chooser, OpenCell
from enrich.domain.selection.gain import Belief, worth_now
from enrich.domain.selection.plan import stakes_of
from enrich.domain.table import PERSON, CellState, Column, Row
from enrich.domain.waterfall import is_protected
from enrich.engine.gather import trust_of
from enrich.engine.parts import Parts
from enrich.engine.submit import RunRequest, Submitted, submit
from enrich.ports import Selection

__all__ = ["Aged", "aged_cells", "refresh_all", "refresh_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """A cell worth asking about anew: `chance` is what its confidence has fallen to.

    `gain` is what asking is worth beyond its `price`, in micro-credits.
    """

    row: str
    column: str
    chance: float
    gain: float
    price: float


def aged_cells(parts: Parts, tenant: str, table: str) -> Iterator[Aged]:
    """Find a table's cells that are worth asking about anew. Raises `UnknownNameError`."""
    judge = Judge(trust_of(parts).store.newest(tenant))
    columns = parts.rows.table(tenant, table).columns
    specs = parts.of(columns).specs
    chooser = Chooser(judge, parts.policies.selection, specs)
    for row in parts.rows.scan(tenant, table):
        for column in columns:
            chance = _chance(parts, judge, row, column)
            if chance is None:
                continue
            known = row.known_fields(tuple(c for c in columns if c.key != column.key))
            able = [s.name for s in specs if column.field in s.gives and s.can_ask_with(known)]
            stakes = stakes_of(column, parts.policies.selection, parts.policies.by_worth)
            anew = OpenCell(field_name=column.field, stakes=stakes)
            choice = chooser.choose([anew], able, seed=(), is_first=False)
            # Who is asked anew decides from the start: that has to be better than what stands.
            gain = choice.gain - worth_now(Belief((chance,), 1.0 - chance), stakes)
            if choice.asked and gain > 0.0:
                yield Aged(
                    row=row.key, column=column.key, chance=chance, gain=gain, price=choice.price
                )


def refresh_table(
    parts: Parts, tenant: str, table: str, *, budget_microcredits: int
) -> tuple[Submitted, ...]:
    """Begin runs about the aged cells that gain most for their price, within a budget.

    There is one run a column, and what each may spend is its part of the budget.
    """
    aged = sorted(
        aged_cells(parts, tenant, table),
        key=lambda one: (-one.gain / max(1.0, one.price), one.column, one.row),
    )
    left, chosen = float(budget_microcredits), list[Aged]()
    for one in aged:
        if one.price <= left:
            left -= one.price
            chosen.append(one)
    names = sorted({one.column for one in chosen})
    return tuple(
        _begin(parts, tenant, table, [one for one in chosen if one.column == name])
        for name in names
    )


def refresh_all(parts: Parts) -> tuple[Submitted, ...]:
    """Begin what is worth refreshing in every table; nothing where no budget is set."""
    budget = parts.policies.selection.refresh_microcredits
    if budget is None:
        return ()
    begun: list[Submitted] = []
    for tenant in trust_of(parts).store.tenants():
        for table in parts.rows.tables(tenant):
            begun += refresh_table(parts, tenant, table.name, budget_microcredits=budget)
    return tuple(begun)


def _chance(parts: Parts, judge: Judge, row: Row, column: Column) -> float | None:
    """Give the chance that a cell's value still holds; None where it is not for us to ask."""
    cell = row.cells.get(column.key)
    if not column.enriched or is_protected(row, column) or cell is None:
        return None
    if cell.state is not CellState.FILLED or cell.provider == PERSON or cell.observed_at is None:
        return None
    age_s = (parts.clock.now() - cell.observed_at).total_seconds()
    return cell.confidence * judge.state.habits.age(column.field).kept(age_s)


def _begin(parts: Parts, tenant: str, table: str, aged: Sequence[Aged]) -> Submitted:
    options = RunOptions(
        force=Force.CELLS,
        policy=Order.ADAPTIVE,
        max_cost_microcredits=round(sum(one.price for one in aged)),
    )
    return submit(
        parts,
        RunRequest(
            tenant=tenant,
            table=table,
            columns=(aged[0].column,),
            selection=Selection(keys=tuple(one.row for one in aged)),
            options=options,
        ),
    )
