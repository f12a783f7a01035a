"""Which rows a run takes, in memory; `selection` says the same in SQL."""

from collections.abc import Sequence

from enrich.domain.table import PERSON, CellState, Column, Overwrite, Provenance, Row
from enrich.domain.values import is_blank
from enrich.errors import UnknownNameError
from enrich.ports.runs import NewRun, Selection
from enrich.store.memory import MemoryTable

__all__ = ["chosen_rows"]


def chosen_rows(table: MemoryTable, new: NewRun) -> tuple[int, ...]:
    """Give the ids of the rows, in order. Raises `UnknownNameError`."""
    for column in new.wanted:
        if column not in table.columns:
            known = tuple(table.columns)
            raise UnknownNameError("column", column, known=known, within=f"table {table.name!r}")
    for key in new.selection.keys or ():
        if key not in table.ids:
            raise UnknownNameError("row", key, within=f"table {table.name!r}")
    keys = table.ids if new.selection.keys is None else new.selection.keys
    wanted = [column for column in table.ordered_columns() if column.key in new.wanted]
    return tuple(
        row_id
        for row_id in sorted({table.ids[key] for key in keys})
        if _is_selected(table.rows[row_id], wanted, new.selection)
    )


def _is_selected(row: Row, wanted: Sequence[Column], selection: Selection) -> bool:
    limits = (selection.observed_before, selection.confidence_below)
    if not selection.states and limits == (None, None):
        return True
    return any(_matches(row, column, selection) for column in wanted)


def _matches(row: Row, column: Column, selection: Selection) -> bool:
    if row.is_typed(column.key) and column.overwrite is Overwrite.NEVER:
        return False
    was = row.cells.get(column.key)
    # A cell that a person emptied is empty again.
    untold = was is None or was.provider == PERSON
    if "empty" in selection.states and untold and is_blank(row.data.get(column.key)):
        return True
    if was is None:
        return False
    return was.state.value in selection.states or _is_beyond(was, selection)


def _is_beyond(was: Provenance, selection: Selection) -> bool:
    if was.state is not CellState.FILLED:
        return False
    before, below = selection.observed_before, selection.confidence_below
    is_stale = before is not None and was.observed_at is not None and was.observed_at < before
    return is_stale or (below is not None and was.confidence < below)
