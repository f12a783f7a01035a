"""A table of the database, found by its name."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from enrich.errors import UnknownNameError
from enrich.store.codec import cleaned

__all__ = ["StoredTable", "find_table"]

_FIND = text("""
    SELECT t.id, ARRAY(SELECT c.key FROM columns c WHERE c.table_id = t.id) AS columns
    FROM tables t WHERE t.tenant_id = :tenant AND t.name = :name
""")
_NAMES = text("SELECT name FROM tables WHERE tenant_id = :tenant ORDER BY name")


@dataclass(frozen=True, slots=True)
class StoredTable:
    """What the rows of a table hang on, its name, and the keys of its columns."""

    id: int
    name: str
    columns: frozenset[str]

    def check_column(self, key: str) -> None:
        """Raise `UnknownNameError` unless there is such a column."""
        if key not in self.columns:
            known = tuple(self.columns)
            raise UnknownNameError("column", key, known=known, within=f"table {self.name!r}")


def find_table(connection: Connection, tenant: str, name: str) -> StoredTable:
    """Give a tenant's table. Raises `UnknownNameError`."""
    named = {"tenant": cleaned(tenant), "name": cleaned(name)}
    found = connection.execute(_FIND, named).one_or_none()
    if found is None:
        known = connection.execute(_NAMES, named).scalars()
        raise UnknownNameError("table", name, known=tuple(known))
    return StoredTable(found.id, name, frozenset(found.columns))
