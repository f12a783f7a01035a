"""Tables, columns and rows in PostgreSQL."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, RowMapping, text

from enrich.domain.table import CellWrite, Column, Row, Stamp
from enrich.domain.values import Json
from enrich.domain.writes import typed_write
from enrich.errors import UnknownNameError
from enrich.ports.rows import NewRow, Removed, TableView, WriteReport
from enrich.store.codec import (
    checked_name,
    cleaned,
    dumps,
    row_from_json,
    writes_to_json,
)
from enrich.store.columns import column_to_json, columns_from_json
from enrich.store.engine import Database
from enrich.store.imports import import_rows
from enrich.store.tables import find_table

__all__ = ["PostgresRowStore"]

_TABLES = text("""
    SELECT t.name,
           (SELECT count(*) FROM rows r WHERE r.table_id = t.id) AS row_count,
           coalesce((SELECT jsonb_agg(to_jsonb(c) ORDER BY c.position, c.key)
                     FROM columns c WHERE c.table_id = t.id), '[]') AS columns
    FROM tables t
    WHERE t.tenant_id = :tenant AND (CAST(:name AS text) IS NULL OR t.name = :name)
    ORDER BY t.name
""")

_SAVE_TABLE = text("""
    WITH tenant AS (INSERT INTO tenants (id) VALUES (:tenant) ON CONFLICT DO NOTHING)
    INSERT INTO tables (tenant_id, name) VALUES (:tenant, :name) ON CONFLICT DO NOTHING
""")

_SAVE_COLUMNS = text("""
    INSERT INTO columns
        (table_id, key, field, enriched, overwrite, min_confidence, position, prompt,
         fusion, worth_microcredits, loss_microcredits)
    SELECT t.id, c.key, c.field, c.enriched, c.overwrite, c.min_confidence, c.position, c.prompt,
           c.fusion, c.worth_microcredits, c.loss_microcredits
    FROM tables t, jsonb_to_recordset(CAST(:columns AS jsonb)) AS c (
        key text, field text, enriched boolean, overwrite text,
        min_confidence double precision, position integer, prompt jsonb,
        fusion text, worth_microcredits bigint, loss_microcredits bigint)
    WHERE t.tenant_id = :tenant AND t.name = :name
    ORDER BY c.key
    ON CONFLICT (table_id, key) DO UPDATE
    SET field = excluded.field, enriched = excluded.enriched, overwrite = excluded.overwrite,
        min_confidence = excluded.min_confidence, position = excluded.position,
        prompt = excluded.prompt, fusion = excluded.fusion,
        worth_microcredits = excluded.worth_microcredits,
        loss_microcredits = excluded.loss_microcredits
""")

_READ = text("""
    SELECT asked.key AS asked, r.id, r.key, r.data, r.cells
    FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS asked (key, position)
    LEFT JOIN rows r ON r.table_id = :table_id AND r.key = asked.key
    ORDER BY asked.position
""")

_PRESENT = text("SELECT id FROM rows WHERE id = ANY (CAST(:rows AS bigint[]))")

_PAGE = text("""
    SELECT id, key, data, cells FROM rows
    WHERE table_id = :table_id AND id > :after ORDER BY id LIMIT :page
""")

_WRITE = text("""
    SELECT written, superseded, protected, gone
    FROM write_cells(:tenant, :table_id, CAST(:writes AS jsonb))
""")

# The stamp is drawn after the row is locked: no run that reads the old value can have a newer one.
_LOCK_ROW = text("SELECT id FROM rows WHERE table_id = :table_id AND key = :key FOR UPDATE")
_STAMP = text("SELECT nextval('stamps')")

_PURGING = text("SET LOCAL enrich.purge = 'on'")
# Locked by a statement of its own: the next one sees what was appended until then.
_LOCK_TO_DELETE = text("""
    SELECT r.id FROM rows r JOIN tables t ON t.id = r.table_id
    WHERE t.tenant_id = :tenant AND t.name = :name AND r.key = :key FOR UPDATE OF r
""")
# What was paid stays in the books, as a call about nobody. Its question is a hash of what is known
# of the row, and so it goes as well, with the older calls of the same question.
_DELETE_ROW = text("""
    WITH gone AS (DELETE FROM rows WHERE id = :row),
    said AS (DELETE FROM responses WHERE row_id = :row RETURNING input_key),
    paid AS (
        SELECT id, input_key FROM paid_calls
        WHERE row_id = :row OR input_key IN (
            SELECT input_key FROM paid_calls WHERE row_id = :row AND NOT superseded)),
    blanked AS (
        UPDATE paid_calls c
        SET row_id = 0, outcome = NULL, input_key = replace(gen_random_uuid()::text, '-', '')
        FROM paid WHERE c.id = paid.id),
    sent AS (DELETE FROM callbacks WHERE row_ids @> ARRAY[CAST(:row AS bigint)])
    SELECT (SELECT count(*) FROM said),
           ARRAY(SELECT input_key FROM said UNION SELECT input_key FROM paid ORDER BY 1)
""")


class PostgresRowStore:
    """The port `RowStore` on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def tables(self, tenant: str) -> tuple[TableView, ...]:
        """List a tenant's tables by name."""
        return self._database.of(tenant).run(lambda c: _views(c, tenant, None))

    def table(self, tenant: str, name: str) -> TableView:
        """Give one table. Raises `UnknownNameError`."""

        def work(connection: Connection) -> TableView:
            find_table(connection, tenant, name)
            return _views(connection, tenant, name)[0]

        return self._database.of(tenant).do(work)

    def save_columns(self, tenant: str, table: str, columns: Sequence[Column]) -> None:
        """Create the table and its columns where they do not exist; change those that do."""
        name = {"tenant": checked_name("tenant", tenant), "name": checked_name("table", table)}
        for column in columns:
            checked_name("column", column.key)
        encoded = dumps([column_to_json(column) for column in columns], name="columns")

        def work(connection: Connection) -> None:
            connection.execute(_SAVE_TABLE, name)
            connection.execute(_SAVE_COLUMNS, {**name, "columns": encoded})

        self._database.of(tenant).run(work)

    def import_rows(self, tenant: str, table: str, rows: Iterable[NewRow]) -> tuple[int, int]:
        """Insert rows, or lay their typed values over those with the same key; all or nothing.

        A blank value is no value: it is not stored and takes nothing away. Of two rows with one key
        the later is laid over the earlier. The rows are streamed, never all in memory.

        Raises:
            UnknownNameError: no such table, or a row has a key that is no column of it.
            BadInputError: a value cannot be stored.
        """

        def work(connection: Connection) -> tuple[int, int]:
            found = find_table(connection, tenant, table)
            return import_rows(connection, tenant, found, rows)

        return self._database.of(tenant).run_once(work)

    def read(self, tenant: str, table: str, keys: Sequence[str]) -> tuple[Row, ...]:
        """Read rows in the order of the keys. Raises `UnknownNameError` if one is not there."""

        def work(connection: Connection) -> Sequence[RowMapping]:
            found = find_table(connection, tenant, table)
            asked = {"table_id": found.id, "keys": [cleaned(key) for key in keys]}
            return connection.execute(_READ, asked).mappings().all()

        found = self._database.of(tenant).do(work)
        for row in found:
            if row["id"] is None:
                raise UnknownNameError("row", row["asked"], within=f"table {table!r}")
        return tuple(row_from_json(row) for row in found)

    def present(self, tenant: str, rows: Sequence[int]) -> frozenset[int]:
        """Give those of the rows that have not been removed."""
        asked = {"rows": list(rows)}
        return frozenset(
            self._database.of(tenant).run(lambda c: c.execute(_PRESENT, asked).scalars().all())
        )

    def scan(self, tenant: str, table: str, *, page: int = 1000) -> Iterator[Row]:
        """Go through a table in the order of ids, page by page, never all in memory.

        Each page is a transaction of its own, so a slow reader holds nothing back.
        """
        table_id = self._database.of(tenant).run(lambda c: find_table(c, tenant, table)).id
        after = 0
        while found := self._page(tenant, table_id, after, page):
            yield from (row_from_json(row) for row in found)
            after = found[-1]["id"]

    def page(self, tenant: str, table: str, *, after: int, limit: int) -> tuple[Row, ...]:
        """Give the rows that follow the id `after`, in the order of ids."""

        def work(connection: Connection) -> Sequence[RowMapping]:
            found = find_table(connection, tenant, table)
            asked = {"table_id": found.id, "after": after, "page": limit}
            return connection.execute(_PAGE, asked).mappings().all()

        return tuple(row_from_json(row) for row in self._database.of(tenant).run(work))

    def _page(self, tenant: str, table_id: int, after: int, page: int) -> Sequence[RowMapping]:
        asked = {"table_id": table_id, "after": after, "page": page}
        return self._database.of(tenant).run(lambda c: c.execute(_PAGE, asked).mappings().all())

    def write_cells(self, tenant: str, table: str, writes: Sequence[CellWrite]) -> WriteReport:
        """Write many cells of many rows in one statement, each guarded by its stamp.

        Losing a race is a count in the report, not an error. A state other than filled never takes
        a value away; see the SQL function of the same name.

        Raises:
            UnknownNameError: no such table or column.
            BadInputError: a value cannot be stored.
        """
        encoded = writes_to_json(writes)

        def work(connection: Connection) -> WriteReport:
            found = find_table(connection, tenant, table)
            for key in {write.column for write in writes}:
                found.check_column(key)
            return _write(connection, tenant, found.id, encoded)

        return self._database.of(tenant).run(work)

    def type_value(self, tenant: str, table: str, key: str, column: str, value: Json) -> None:
        """Store what a person typed; newer than every run that has begun.

        A blank value empties the cell, and the cell may be enriched again.
        """

        def work(connection: Connection) -> None:
            found = find_table(connection, tenant, table)
            found.check_column(column)
            row = {"table_id": found.id, "key": cleaned(key)}
            row_id = connection.execute(_LOCK_ROW, row).scalar()
            if row_id is None:
                raise UnknownNameError("row", key, within=f"table {table!r}")
            stamp = Stamp(connection.execute(_STAMP).scalar_one(), 0)
            write = typed_write(row_id, column, value, stamp, datetime.now(UTC))
            _write(connection, tenant, found.id, writes_to_json([write]))

        self._database.of(tenant).run(work)

    def delete_row(self, tenant: str, table: str, key: str) -> Removed | None:
        """Remove a row with what was ever said about it; the port's promise."""
        named = {"tenant": cleaned(tenant), "name": cleaned(table), "key": cleaned(key)}

        def work(connection: Connection) -> Removed | None:
            connection.execute(_PURGING)
            row_id = connection.execute(_LOCK_TO_DELETE, named).scalar()
            if row_id is None:
                return None
            answers, questions = connection.execute(_DELETE_ROW, {"row": row_id}).one()
            return Removed(answers=answers, questions=tuple(questions))

        return self._database.of(tenant).run(work)


def _views(connection: Connection, tenant: str, name: str | None) -> tuple[TableView, ...]:
    asked = {"tenant": cleaned(tenant), "name": name if name is None else cleaned(name)}
    return tuple(
        TableView(name=raw.name, columns=columns_from_json(raw.columns), rows=raw.row_count)
        for raw in connection.execute(_TABLES, asked)
    )


def _write(connection: Connection, tenant: str, table_id: int, encoded: str) -> WriteReport:
    asked = {"tenant": tenant, "table_id": table_id, "writes": encoded}
    return WriteReport(**connection.execute(_WRITE, asked).mappings().one())
