"""What becomes of one write of a cell. The SQL function `write_cells` decides the same.

The order matters: a row that is no more, then a person's value, then the stamps.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from enrich.domain.table import (
    PERSON,
    CellState,
    CellWrite,
    Column,
    Overwrite,
    Provenance,
    Row,
    Stamp,
)
from enrich.domain.values import Json, is_blank

__all__ = ["WriteVerdict", "judge", "typed_write", "written"]


class WriteVerdict(StrEnum):
    """How a write ended."""

    WRITTEN = "written"
    SUPERSEDED = "superseded"
    PROTECTED = "protected"
    GONE = "gone"


_NEVER = Stamp(-1, -1)


def judge(row: Row | None, column: Column | None, write: CellWrite) -> WriteVerdict:
    """Say what is to become of a write, given the row as it is now."""
    if row is None or column is None:
        return WriteVerdict.GONE
    if row.is_typed(column.key) and not _may_replace_typed(column, write.provenance):
        return WriteVerdict.PROTECTED
    held = row.cells.get(column.key)
    if write.provenance.stamp <= (held.stamp if held else _NEVER):
        return WriteVerdict.SUPERSEDED
    return WriteVerdict.WRITTEN


def _may_replace_typed(column: Column, new: Provenance) -> bool:
    if new.provider == PERSON:
        return True
    return column.overwrite is Overwrite.ALWAYS and new.state is CellState.FILLED


def written(row: Row, write: CellWrite) -> Row:
    """Give the row with a write that was judged to be written.

    A state other than filled takes no provider's value away: the value stays, and its provenance
    takes the new stamp, with the state as the reason. A person may take a value away.
    """
    key, new = write.column, write.provenance
    data, held = dict(row.data), row.cells.get(key)
    if new.state is CellState.FILLED:
        data[key] = write.value
    elif new.provider == PERSON:
        data.pop(key, None)
    elif held is not None and not is_blank(data.get(key)):
        new = replace(held, stamp=new.stamp, reason=new.state.value, retry_at=new.retry_at)
    return replace(row, data=data, cells={**row.cells, key: new})


def typed_write(row: int, column: str, value: Json, stamp: Stamp, at: datetime) -> CellWrite:
    """Build the write of a value that a person typed; of a blank one, the write that empties."""
    cleared = is_blank(value)
    provenance = Provenance(
        state=CellState.SKIPPED if cleared else CellState.FILLED,
        stamp=stamp,
        provider=PERSON,
        confidence=0.0 if cleared else 1.0,
        observed_at=at,
        reason="cleared" if cleared else "",
    )
    return CellWrite(row=row, column=column, provenance=provenance, value=value)
