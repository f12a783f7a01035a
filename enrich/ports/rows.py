"""Tables and their rows, in Postgres. When it is down every method raises `DatabaseDownError` and
nothing has happened, or everything has: each method is one transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from enrich.domain.table import CellWrite, Column, Row
from enrich.domain.values import Json, JsonObject
from enrich.errors import UnknownNameError

__all__ = ["NewRow", "Removed", "RowStore", "TableView", "WriteReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """A table as lists show it."""

    name: str
    columns: tuple[Column, ...]
    rows: int

    def column(self, key: str) -> Column:
        """Give a column. Raises `UnknownNameError`."""
        for column in self.columns:
            if column.key == key:
                return column
        known = tuple(column.key for column in self.columns)
        raise UnknownNameError("column", key, known=known, within=f"table {self.name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """A row to be stored, by the user's key."""

    key: str
    data: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReport:
    """What became of cells to be written.

    `superseded`: the cell holds a newer or equal stamp. `protected`: a person typed it. `gone`: its
    row is no more (or of another tenant).
    """

    written: int = 0
    superseded: int = 0
    protected: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What went with a row: how many answers, and the keys of the questions that were asked."""

    answers: int
    questions: tuple[str, ...]


class RowStore(Protocol):
    """Tables, columns and rows."""

    def tables(self, tenant: str) -> tuple[TableView, ...]:
        """List a tenant's tables by name."""
        ...

    def table(self, tenant: str, name: str) -> TableView:
        """Give one table. Raises `UnknownNameError`."""
        ...

    def save_columns(self, tenant: str, table: str, columns: Sequence[Column]) -> None:
        """Create the table and its columns where they do not exist; change those that do."""
        ...

    def import_rows(self, tenant: str, table: str, rows: Iterable[NewRow]) -> tuple[int, int]:
        """Insert rows, or lay their typed values over those with the same key; all or nothing.

        A typed value that differs takes a stamp of its own. Returns how many rows were inserted and
        how many changed. Raises `UnknownNameError` for a table or column, `BadInputError`.
        """
        ...

    def read(self, tenant: str, table: str, keys: Sequence[str]) -> tuple[Row, ...]:
        """Read rows in the order of the keys. Raises `UnknownNameError` if one is not there."""
        ...

    def present(self, tenant: str, rows: Sequence[int]) -> frozenset[int]:
        """Give those of a tenant's rows, by our ids, that have not been removed."""
        ...

    def scan(self, tenant: str, table: str, *, page: int = 1000) -> Iterator[Row]:
        """Go through a table in the order of ids, page by page, never all in memory."""
        ...

    def page(self, tenant: str, table: str, *, after: int, limit: int) -> tuple[Row, ...]:
        """Give rows after the id `after`, in the order of ids. Raises `UnknownNameError`."""
        ...

    def write_cells(self, tenant: str, table: str, writes: Sequence[CellWrite]) -> WriteReport:
        """Write many cells of many rows in one statement, each guarded by its stamp.

        Losing a race is a count in the report, not an error.
        """
        ...

    def type_value(self, tenant: str, table: str, key: str, column: str, value: Json) -> None:
        """Store what a person typed; newer than every run that has begun."""
        ...

    def delete_row(self, tenant: str, table: str, key: str) -> Removed | None:
        """Remove a row with what was ever said about it; None when it was not there.

        Late writes to it find it gone. What is being appended about it at the same moment is either
        removed with it and named, or finds the row gone: nothing stays behind. What its paid calls
        cost stays in the books, as calls about nobody.
        """
        ...
