"""Export a table as CSV or JSON Lines, row by row."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from enrich.domain.table import Column, Provenance, Row
from enrich.domain.values import Json, JsonObject
from enrich.engine.tablefile.guard import GUARDED, KEY, as_text, guarded_cells
from enrich.engine.tablefile.plan import PROVENANCE, guessed_key
from enrich.ports import RowStore

__all__ = ["Export", "prepare_export", "write_csv", "write_jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is written: the names of the columns in order, and the rows as often as asked for.

    `guarded`: some text would be taken for a formula by a spreadsheet, so a CSV file says which.
    """

    names: tuple[str, ...]
    fields: Mapping[str, str]
    guarded: bool
    rows: Callable[[], Iterator[JsonObject]]


def prepare_export(store: RowStore, *, tenant: str, table: str, provenance: bool = False) -> Export:
    """Go through the table once to see what its file needs. Raises `UnknownNameError`.

    The key is a column of its own unless an import would find it in another.
    """
    columns = store.table(tenant, table).columns
    fields = {column.key: column.field for column in columns}
    own = guessed_key(fields)
    guarded, keyed = False, own is not None
    for row in store.scan(tenant, table):
        keyed = keyed and as_text(row.data.get(own or "")) == row.key
        guarded = guarded or bool(guarded_cells({KEY: row.key, **row.data}, fields))
    lead = () if keyed else (KEY,)

    def rows() -> Iterator[JsonObject]:
        for row in store.scan(tenant, table):
            yield _values_of(row, columns, with_key=not keyed, provenance=provenance)

    names = (*lead, *_names_of(columns, provenance=provenance))
    return Export(names=names, fields=fields, guarded=guarded, rows=rows)


def write_csv(
    export: Export, target: TextIO, *, delimiter: str = ",", with_mark: bool = False
) -> int:
    """Write a header and the rows, every text quoted; returns how many rows.

    `with_mark` begins with the mark by which Excel knows UTF-8.

    What a spreadsheet would run is made harmless, and named in a last column for the way back.
    """
    target.write("\ufeff" if with_mark else "")
    writer = csv.writer(
        target, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n"
    )
    writer.writerow([*export.names, *([GUARDED] if export.guarded else [])])
    count = 0
    for values in export.rows():
        writer.writerow(_csv_fields(values, export))
        count += 1
    return count


def write_jsonl(export: Export, target: TextIO) -> int:
    """Write one JSON object a row, without what is not there; returns how many rows."""
    count = 0
    for values in export.rows():
        known = {name: value for name, value in values.items() if value is not None}
        target.write(json.dumps(known, ensure_ascii=False, separators=(",", ":")) + "\n")
        count += 1
    return count


def _csv_fields(values: JsonObject, export: Export) -> list[str | int | float]:
    risky = guarded_cells(values, export.fields)
    fields = [_csv_field(values.get(name), guard=name in risky) for name in export.names]
    return [*fields, " ".join(risky)] if export.guarded else fields


def _csv_field(value: Json, *, guard: bool) -> str | int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return f"'{value}" if guard else as_text(value)


def _names_of(columns: tuple[Column, ...], *, provenance: bool) -> Iterator[str]:
    for column in columns:
        yield column.key
        if provenance and column.enriched:
            yield from (f"{column.key}{end}" for end in PROVENANCE)


def _values_of(
    row: Row, columns: tuple[Column, ...], *, with_key: bool, provenance: bool
) -> JsonObject:
    values: JsonObject = {KEY: row.key} if with_key else {}
    for column in columns:
        values[column.key] = row.data.get(column.key)
        if provenance and column.enriched:
            told = _told(row.cells.get(column.key))
            values |= dict(zip((f"{column.key}{end}" for end in PROVENANCE), told, strict=True))
    return values


def _told(cell: Provenance | None) -> tuple[Json, Json, Json, Json]:
    if cell is None:
        return None, None, None, None
    observed = cell.observed_at.isoformat() if cell.observed_at else None
    sure = cell.confidence if cell.provider else None
    return cell.provider or None, sure, observed, cell.state.value
