"""Rows from a stream into a table: COPY by the portion, then two statements for all of them."""

import io
from collections.abc import Iterable, Iterator
from itertools import islice

from sqlalchemy import Connection, text

from enrich.domain.values import JsonObject, only_known
from enrich.ports.rows import NewRow
from enrich.store.codec import cleaned, dumps
from enrich.store.tables import StoredTable

__all__ = ["import_in_turn", "import_rows", "take_turn"]

# A long import is not stuck; and imports into one table take turns, so that none deadlocks.
_LIMITS = """
    SET LOCAL statement_timeout = '15min';
    SET LOCAL lock_timeout = '60s';
    SET LOCAL idle_in_transaction_session_timeout = '15min'
"""
_INCOMING = """
    CREATE TEMPORARY TABLE incoming (
        n bigint GENERATED ALWAYS AS IDENTITY, key text, data jsonb) ON COMMIT DROP
"""
_PORTION = 2_000
_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('import', :table_id))")

# The later of two rows with one key is laid over the earlier.
_FOLD = text("""
    WITH twice AS (
        SELECT key, max(n) AS last FROM incoming GROUP BY key HAVING count(*) > 1),
    folded AS (
        SELECT t.last, coalesce(jsonb_object_agg(e.key, e.value ORDER BY i.n), '{}') AS data
        FROM twice t JOIN incoming i ON i.key = t.key CROSS JOIN jsonb_each(i.data) e
        GROUP BY t.last),
    kept AS (UPDATE incoming i SET data = f.data FROM folded f WHERE i.n = f.last)
    DELETE FROM incoming i USING twice t WHERE i.key = t.key AND i.n < t.last
""")

# One stamp for the whole import, drawn when its rows are locked: against who writes or erases them,
# not against who holds them to write down what was said, as a long import may take minutes.
_LAY_OVER = text("""
    WITH locked AS MATERIALIZED (
        SELECT r.id, r.data AS old, i.data AS new
        FROM incoming i JOIN rows r ON r.table_id = :table_id AND r.key = i.key
        ORDER BY r.id FOR NO KEY UPDATE OF r),
    stamp AS MATERIALIZED (
        SELECT nextval('stamps') AS number FROM (SELECT count(*) FROM locked OFFSET 0) AS after),
    changed AS (
        SELECT l.id, jsonb_object_agg(e.key, e.value) AS data,
               jsonb_object_agg(e.key, jsonb_build_object(
                   'state', 'filled', 'provider', 'person', 'confidence', 1.0,
                   'observed_at', now(), 'run', s.number, 'fence', 0,
                   'support', 0, 'agreement', 0.0)) AS cells
        FROM locked l CROSS JOIN stamp s CROSS JOIN jsonb_each(l.new) e
        WHERE l.old -> e.key IS DISTINCT FROM e.value
        GROUP BY l.id)
    UPDATE rows r
    SET data = r.data || c.data, cells = r.cells || c.cells,
        version = r.version + 1, updated_at = now()
    FROM changed c WHERE r.id = c.id
""")

_INSERT = text("""
    INSERT INTO rows (table_id, tenant_id, key, data)
    SELECT :table_id, :tenant, i.key, i.data FROM incoming i
    WHERE NOT EXISTS (SELECT FROM rows r WHERE r.table_id = :table_id AND r.key = i.key)
    ORDER BY i.n
""")


def take_turn(connection: Connection, table: StoredTable) -> None:
    """Wait until nobody else imports into a table; until the transaction ends nobody does."""
    connection.exec_driver_sql(_LIMITS)
    connection.execute(_TAKE_TURNS, {"table_id": table.id})


def import_rows(
    connection: Connection, tenant: str, table: StoredTable, rows: Iterable[NewRow]
) -> tuple[int, int]:
    """Bring rows in within the caller's transaction; say how many are new and how many changed."""
    connection.exec_driver_sql(f"{_LIMITS}; {_INCOMING}")
    # Their source may be slow: nobody waits for it.
    _copy(connection, _lines(table, rows))
    connection.execute(_TAKE_TURNS, {"table_id": table.id})
    return _laid_down(connection, tenant, table)


def import_in_turn(
    connection: Connection, tenant: str, table: StoredTable, rows: Iterable[NewRow]
) -> tuple[int, int]:
    """Do what `import_rows` does, for a caller that has taken its turn."""
    connection.exec_driver_sql(_INCOMING)
    _copy(connection, _lines(table, rows))
    return _laid_down(connection, tenant, table)


def _laid_down(connection: Connection, tenant: str, table: StoredTable) -> tuple[int, int]:
    named = {"table_id": table.id}
    connection.exec_driver_sql("ANALYZE incoming")
    connection.execute(_FOLD)
    changed = connection.execute(_LAY_OVER, named).rowcount
    inserted = connection.execute(_INSERT, {**named, "tenant": tenant}).rowcount
    return inserted, changed


def _lines(table: StoredTable, rows: Iterable[NewRow]) -> Iterator[str]:
    for row in rows:
        _check(table, row.data)
        data = dumps(only_known(row.data), name=f"row {row.key!r}")
        yield f"{_escaped(cleaned(row.key))}\t{_escaped(data)}\n"


def _check(table: StoredTable, data: JsonObject) -> None:
    for key in sorted(data.keys() - table.columns):
        table.check_column(key)


def _escaped(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("\t", "\\t")
    return escaped.replace("\n", "\\n").replace("\r", "\\r")


def _copy(connection: Connection, lines: Iterator[str]) -> None:
    # By the portion, not through one file that reads on: an error of the rows' own source then
    # reaches the caller as it is, and not as a cancelled COPY.
    cursor = connection.connection.cursor()
    try:
        while portion := "".join(islice(lines, _PORTION)):
            cursor.copy_expert("COPY incoming (key, data) FROM STDIN", io.StringIO(portion))
    finally:
        cursor.close()
