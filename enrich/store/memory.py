"""The row store in memory: for unit tests and notebooks, with the meaning of the one in PostgreSQL.

It forgets everything with its process. One lock stands for the transaction.
"""

import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

from enrich.domain.run import Response
from enrich.domain.table import CellWrite, Column, Row, Stamp
from enrich.domain.values import Json, JsonObject, only_known
from enrich.domain.writes import WriteVerdict, judge, typed_write, written
from enrich.errors import UnknownNameError
from enrich.ports.rows import NewRow, Removed, TableView, WriteReport
from enrich.store.codec import checked_name, cleaned, dumps, write_to_json

__all__ = ["MemoryDatabase", "MemoryRowStore", "MemoryTable", "stored_write"]


@dataclass(slots=True)
class MemoryTable:
    """One table; `ids` and `rows` change together."""

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)

    def ordered_columns(self) -> tuple[Column, ...]:
        """Give the columns in their order."""
        return tuple(sorted(self.columns.values(), key=lambda c: (c.position, c.key)))


@dataclass(slots=True)
class MemoryDatabase:
    """What a row store and a run store share; `now` is the time of all leases."""

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    lock: threading.RLock = field(default_factory=threading.RLock)
    stamps: Iterator[int] = field(default_factory=lambda: count(1))
    row_ids: Iterator[int] = field(default_factory=lambda: count(1))
    tables: dict[tuple[str, str], MemoryTable] = field(default_factory=dict)
    runs: dict[int, Any] = field(default_factory=dict)
    ledger: dict[tuple[object, ...], tuple[int, int, Response]] = field(default_factory=dict)
    #: Paid calls by question, the generations in order.
    paid: dict[str, list[Any]] = field(default_factory=dict)
    #: Answers that are sent to us, by name.
    callbacks: dict[str, Any] = field(default_factory=dict)

    def table(self, tenant: str, name: str) -> MemoryTable:
        """Find a table. Raises `UnknownNameError`."""
        found = self.tables.get((tenant, name))
        if found is None:
            known = tuple(table for owner, table in self.tables if owner == tenant)
            raise UnknownNameError("table", name, known=known)
        return found

    def present(self, tenant: str, rows: Iterable[int]) -> frozenset[int]:
        """Give those of a tenant's rows that have not been removed."""
        tables = self.tables.items()
        known = {row for (owner, _), table in tables if owner == tenant for row in table.rows}
        return frozenset(rows) & known

    def write(self, table: MemoryTable, writes: Iterable[CellWrite]) -> WriteReport:
        """Write cells, oldest first, so that the newest of one batch stands."""
        verdicts: Counter[str] = Counter()
        for write in sorted(writes, key=lambda w: w.provenance.stamp, reverse=True):
            row = table.rows.get(write.row)
            verdict = judge(row, table.columns.get(write.column), write)
            verdicts[verdict.value] += 1
            if row is not None and verdict is WriteVerdict.WRITTEN:
                table.rows[row.id] = written(row, write)
        return WriteReport(**verdicts)

    def forget(self, row_id: int) -> Removed:
        """Purge the ledger of a row."""
        said = [key for key, line in self.ledger.items() if line[2].row == row_id]
        questions = {self.ledger.pop(key)[2].input_key for key in said}
        questions |= self._blank_calls(row_id)
        for name in [name for name, kept in self.callbacks.items() if row_id in kept.new.rows]:
            del self.callbacks[name]
        return Removed(answers=len(said), questions=tuple(sorted(questions)))

    def _blank_calls(self, row_id: int) -> set[str]:
        """Keep what a row's calls cost, as calls about nobody; gives their questions."""
        asked = {name for name, calls in self.paid.items() if any(c.row == row_id for c in calls)}
        for name in asked:
            about_it = self.paid[name][-1].row == row_id
            for call in list(self.paid[name]):
                if about_it or call.row == row_id:
                    call.row, call.end = 0, None
                if about_it:
                    self.paid[secrets.token_hex(16)] = [call]
            if about_it:
                del self.paid[name]
        return asked


class MemoryRowStore:
    """The port `RowStore` in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._db = database or MemoryDatabase()

    def tables(self, tenant: str) -> tuple[TableView, ...]:
        """List a tenant's tables by name."""
        with self._db.lock:
            mine = [
                table for (owner, _), table in sorted(self._db.tables.items()) if owner == tenant
            ]
            return tuple(_view(table) for table in mine)

    def table(self, tenant: str, name: str) -> TableView:
        """Give one table. Raises `UnknownNameError`."""
        with self._db.lock:
            return _view(self._db.table(tenant, name))

    def save_columns(self, tenant: str, table: str, columns: Sequence[Column]) -> None:
        """Create the table and its columns where they do not exist; change those that do."""
        checked_name("tenant", tenant)
        saved = {checked_name("column", column.key): column for column in columns}
        with self._db.lock:
            new = MemoryTable(checked_name("table", table))
            self._db.tables.setdefault((tenant, table), new).columns.update(saved)

    def import_rows(self, tenant: str, table: str, rows: Iterable[NewRow]) -> tuple[int, int]:
        """Insert rows, or lay their typed values over those with the same key; all or nothing."""
        with self._db.lock:
            found = self._db.table(tenant, table)
            folded: dict[str, JsonObject] = {}
            for row in rows:
                _check(found, row.data)
                stored = _stored(only_known(row.data), f"row {row.key!r}")
                folded.setdefault(cleaned(row.key), {}).update(stored)
            stamp = Stamp(next(self._db.stamps), 0)
            changed = [self._lay_over(found, key, data, stamp) for key, data in folded.items()]
            return changed.count(None), changed.count(True)

    def _lay_over(
        self, table: MemoryTable, key: str, data: JsonObject, stamp: Stamp
    ) -> bool | None:
        if key not in table.ids:
            row = Row(id=next(self._db.row_ids), key=key, data=data, cells={})
            table.ids[key] = row.id
            table.rows[row.id] = row
            return None
        row = table.rows[table.ids[key]]
        at = self._db.now()
        writes = [
            typed_write(row.id, column, value, stamp, at)
            for column, value in data.items()
            if column not in row.data or row.data[column] != value
        ]
        return self._db.write(table, writes).written > 0

    def read(self, tenant: str, table: str, keys: Sequence[str]) -> tuple[Row, ...]:
        """Read rows in the order of the keys. Raises `UnknownNameError` if one is not there."""
        with self._db.lock:
            found = self._db.table(tenant, table)
            return tuple(found.rows[_id_of(found, key)] for key in keys)

    def present(self, tenant: str, rows: Sequence[int]) -> frozenset[int]:
        """Give those of a tenant's rows that have not been removed."""
        with self._db.lock:
            return self._db.present(tenant, rows)

    def scan(self, tenant: str, table: str, *, page: int = 1000) -> Iterator[Row]:
        """Go through a table in the order of ids, page by page."""
        after = 0
        while found := self.page(tenant, table, after=after, limit=page):
            yield from found
            after = found[-1].id

    def page(self, tenant: str, table: str, *, after: int, limit: int) -> tuple[Row, ...]:
        """Give the rows that follow the id `after`, in the order of ids."""
        with self._db.lock:
            rows = self._db.table(tenant, table).rows
            return tuple([rows[row_id] for row_id in sorted(rows) if row_id > after][:limit])

    def write_cells(self, tenant: str, table: str, writes: Sequence[CellWrite]) -> WriteReport:
        """Write many cells, each guarded by its stamp."""
        with self._db.lock:
            found = self._db.table(tenant, table)
            for write in writes:
                _known_column(found, write.column)
            return self._db.write(found, [stored_write(write) for write in writes])

    def type_value(self, tenant: str, table: str, key: str, column: str, value: Json) -> None:
        """Store what a person typed; a blank value empties the cell."""
        with self._db.lock:
            found = self._db.table(tenant, table)
            _known_column(found, column)
            row_id, stamp = _id_of(found, key), Stamp(next(self._db.stamps), 0)
            write = typed_write(row_id, column, value, stamp, self._db.now())
            self._db.write(found, [stored_write(write)])

    def delete_row(self, tenant: str, table: str, key: str) -> Removed | None:
        """Remove a row with what was ever said about it; late writes to it find it gone."""
        with self._db.lock:
            found = self._db.tables.get((tenant, table))
            if found is None or key not in found.ids:
                return None
            row_id = found.ids.pop(key)
            del found.rows[row_id]
            return self._db.forget(row_id)


def stored_write(write: CellWrite) -> CellWrite:
    """Give a write with its value as the store holds it. Raises `BadInputError`."""
    write_to_json(write)
    return replace(write, value=_stored(write.value, f"column {write.column}"))


def _stored(value: Any, name: str) -> Any:
    # Encoded and decoded: what comes out is never the object that went in.
    return json.loads(dumps(value, name=name))


def _view(table: MemoryTable) -> TableView:
    return TableView(name=table.name, columns=table.ordered_columns(), rows=len(table.rows))


def _check(table: MemoryTable, data: JsonObject) -> None:
    for column in sorted(data):
        _known_column(table, column)


def _known_column(table: MemoryTable, key: str) -> None:
    if key not in table.columns:
        known = tuple(table.columns)
        raise UnknownNameError("column", key, known=known, within=f"table {table.name!r}")


def _id_of(table: MemoryTable, key: str) -> int:
    if cleaned(key) not in table.ids:
        raise UnknownNameError("row", key, within=f"table {table.name!r}")
    return table.ids[cleaned(key)]
