"""The outbox in PostgreSQL."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, text

from enrich.ports.requests import NewSqlRequest, SqlRequest
from enrich.ports.rows import NewRow
from enrich.store.codec import cleaned, dumps
from enrich.store.engine import Database
from enrich.store.imports import import_in_turn, take_turn
from enrich.store.tables import find_table

__all__ = ["PostgresSqlRequests"]

_ADD = text("""
    SELECT enrich_request(:table, :row, CAST(:columns AS text[]), CAST(:data AS jsonb),
                          :tenant, CAST(:options AS jsonb))
""")
# Whoever asks at the same time passes over them. A pack is given once, and kept: what is taken
# again becomes the same run.
_TAKE = text("""
    WITH due AS (
        SELECT id FROM requests
        WHERE state = 'waiting'
          AND (taken_at IS NULL OR taken_at <= now() - make_interval(secs => :retake_s))
        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED),
    packed AS (
        SELECT r.id, coalesce(r.pack, min(r.id) OVER (
            PARTITION BY r.pack, r.tenant_id, r.table_name, r.columns, r.options)) AS pack
        FROM requests r JOIN due USING (id))
    UPDATE requests r SET taken_at = now(), pack = p.pack FROM packed p WHERE r.id = p.id
    RETURNING r.id, r.pack, r.tenant_id, r.table_name, r.row_key, r.columns, r.data, r.options
""")
_HOLD = text("""
    SELECT id FROM requests WHERE id = ANY(:ids) AND state = 'waiting' ORDER BY id FOR KEY SHARE
""")
_SETTLE = text("""
    UPDATE requests SET state = :state, run_id = :run_id, said = :said, data = NULL
    WHERE id = ANY(:ids) AND state = 'waiting'
""")
_FORGET = text("""
    DELETE FROM requests
    WHERE state <> 'waiting'
      AND created_at < now() - make_interval(secs => :older_than_s)
      AND coalesce(taken_at, created_at) < now() - make_interval(secs => :older_than_s)
""")


class PostgresSqlRequests:
    """The port `SqlRequests` on a table that others fill."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def add(self, new: NewSqlRequest) -> int:
        """Ask; the port's promise."""
        values = {
            "tenant": cleaned(new.tenant),
            "table": cleaned(new.table),
            "row": cleaned(new.row),
            "columns": None if new.columns is None else list(new.columns),
            "data": None if new.data is None else dumps(new.data, name="data"),
            "options": dumps(new.options, name="options"),
        }
        database = self._database.of(new.tenant)
        return int(database.run(lambda c: c.execute(_ADD, values).scalar_one()))

    def take(self, *, retake_s: float, limit: int) -> Sequence[SqlRequest]:
        """Take what waits; the port's promise."""
        asked = {"retake_s": retake_s, "limit": limit}
        found = self._database.of_all().run(lambda c: c.execute(_TAKE, asked).all())
        return tuple(
            SqlRequest(
                id=raw.id,
                pack=raw.pack,
                wish=NewSqlRequest(
                    tenant=raw.tenant_id,
                    table=raw.table_name,
                    row=raw.row_key,
                    columns=None if raw.columns is None else tuple(raw.columns),
                    data=raw.data,
                    options=raw.options,
                ),
            )
            for raw in sorted(found, key=lambda raw: int(raw.id))
        )

    def bring_in(
        self, tenant: str, table: str, asked: Mapping[int, NewRow | None]
    ) -> frozenset[int]:
        """Lay what they bring over their rows; the port's promise."""

        def work(connection: Connection) -> frozenset[int]:
            found = find_table(connection, tenant, table)
            if any(row is not None for row in asked.values()):
                # Before they are held: who erases one shall not wait for somebody's long import.
                take_turn(connection, found)
            held = connection.execute(_HOLD, {"ids": list(asked)}).scalars().all()
            rows = [row for number in held if (row := asked[number]) is not None]
            if rows:
                import_in_turn(connection, tenant, found, rows)
            return frozenset(held)

        return self._database.of(tenant).run(work)

    def settle(self, tenant: str, ids: Sequence[int], *, run_id: int | None, said: str) -> None:
        """Note what became of them; the port's promise."""
        state = "refused" if run_id is None else "begun"
        values = {"ids": list(ids), "run_id": run_id, "said": cleaned(said), "state": state}
        self._database.of(tenant).run(lambda c: c.execute(_SETTLE, values))

    def forget(self, *, older_than_s: float) -> int:
        """Drop settled requests; the port's promise."""
        return self._database.of_all().run(
            lambda c: c.execute(_FORGET, {"older_than_s": older_than_s}).rowcount
        )
