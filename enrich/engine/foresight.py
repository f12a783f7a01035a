"""Foresee the cost of a run from recorded answers: its order of asking, played over them again."""

from collections.abc import Sequence
from dataclasses import dataclass

from enrich.domain.run import Order
from enrich.engine.gather import Hearing
from enrich.engine.parts import Parts
from enrich.engine.what_if import what_if

__all__ = ["Foreseen", "foresee"]

#: Rows that are played; more would hardly change what one of them costs on average.
_PLAYED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What rows cost that somebody knew something of, and how many of their cells had a value.

    `played` rows were played again. A row that nobody knows costs less where only hits are charged.
    """

    order: Order
    played: int
    row_microcredits: float
    filled: float

    def cost_of(self, rows: int) -> int:
        """Give what so many rows like these would cost, in micro-credits."""
        return round(self.row_microcredits * rows)


def foresee(
    parts: Parts, tenant: str, table: str, *, order: Order, columns: Sequence[str]
) -> Foreseen | None:
    """Play an order over a table's recorded answers about these columns; None where there are none.

    Raises `UnknownNameError`.
    """
    if parts.trust is None:
        return None
    hearing = Hearing(table=table, tenant=tenant, columns=columns, shown=0)
    found = what_if(parts, hearing, order=order, most_rows=_PLAYED)
    if not found.rows:
        return None
    return Foreseen(
        order=order,
        played=found.rows,
        row_microcredits=found.would_spend_microcredits / found.rows,
        filled=found.accepted / found.cells,
    )
