"""Versions of trust and labels in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, text

from enrich.domain.fusion.encoding import trust_from_json, trust_to_json
from enrich.domain.fusion.habits import Habits
from enrich.domain.fusion.trust import TrustState
from enrich.domain.run import Response
from enrich.errors import UnknownNameError
from enrich.ports.trust import Label, LabelKind, TrustNote
from enrich.store.codec import cleaned, dumps
from enrich.store.engine import Database
from enrich.store.habits import habits_in
from enrich.store.run_codec import response_from_json
from enrich.store.tables import find_table

__all__ = ["PostgresTrustStore"]

_NEWEST = text("""
    SELECT version, state FROM trust_states WHERE tenant_id = :tenant
    ORDER BY version DESC LIMIT 1
""")
_VERSION = text(
    "SELECT version, state FROM trust_states WHERE tenant_id = :tenant AND version = :version"
)
# The tenant's row is the lock: whoever comes second finds the first one's version.
_LOCK = text("""
    INSERT INTO tenants (id) VALUES (:tenant)
    ON CONFLICT (id) DO UPDATE SET id = excluded.id
""")
_SAVE = text("""
    INSERT INTO trust_states (tenant_id, version, state, reason)
    SELECT :tenant, coalesce(max(version), 0) + 1, CAST(:state AS jsonb), :reason
    FROM trust_states WHERE tenant_id = :tenant
    RETURNING version
""")
_HISTORY = text("""
    SELECT version, reason, created_at,
           (state ->> 'labels')::double precision AS labels, (state ->> 'cells')::bigint AS cells
    FROM trust_states WHERE tenant_id = :tenant ORDER BY version DESC LIMIT :limit
""")
_TENANTS = text("SELECT DISTINCT tenant_id FROM runs ORDER BY tenant_id")
_LABEL = text("""
    INSERT INTO labels (row_id, column_key, is_right, value, kind, actor, created_at)
    SELECT u.row_id, u.column_key, u.is_right, u.value, u.kind, u.actor, u.created_at
    FROM jsonb_to_recordset(CAST(:labels AS jsonb)) AS u (
        row_id bigint, column_key text, is_right boolean, value jsonb, kind text, actor text,
        created_at timestamptz, place bigint)
    JOIN rows r ON r.id = u.row_id AND r.table_id = :table_id
    ORDER BY u.place
""")
_LABELS = text("""
    SELECT l.row_id, l.column_key, l.is_right, l.value, l.kind, l.actor, l.created_at
    FROM labels l JOIN rows r ON r.id = l.row_id
    WHERE r.table_id = :table_id ORDER BY l.id
""")
_HEARD = text("""
    SELECT s.run_id, to_jsonb(s) AS response
    FROM responses s JOIN rows r ON r.id = s.row_id
    WHERE r.table_id = :table_id AND s.row_id = ANY (:rows)
    ORDER BY s.id
""")


class PostgresTrustStore:
    """The port `TrustStore` on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def newest(self, tenant: str) -> TrustState:
        """Give the newest state; version 0, which knows nothing, before there is any."""
        asked = {"tenant": cleaned(tenant)}
        found = self._database.of(tenant).run(lambda c: c.execute(_NEWEST, asked).one_or_none())
        return _state(found) if found else TrustState()

    def version(self, tenant: str, number: int) -> TrustState:
        """Give one version; 0 knows nothing. Raises `UnknownNameError`."""
        if number == 0:
            return TrustState()
        asked = {"tenant": cleaned(tenant), "version": number}
        found = self._database.of(tenant).run(lambda c: c.execute(_VERSION, asked).one_or_none())
        if found is None:
            raise UnknownNameError("version of trust", str(number))
        return _state(found)

    def save(self, tenant: str, state: TrustState, *, reason: str) -> TrustState:
        """Add a state as the newest version, and give it with its number."""
        encoded = dumps(trust_to_json(state), name="trust")
        given = {"tenant": cleaned(tenant), "state": encoded, "reason": cleaned(reason)}

        def work(connection: Connection) -> int:
            connection.execute(_LOCK, {"tenant": given["tenant"]})
            return int(connection.execute(_SAVE, given).scalar_one())

        return replace(state, version=self._database.of(tenant).run(work))

    def history(self, tenant: str, *, limit: int = 20) -> tuple[TrustNote, ...]:
        """List the newest versions, newest first."""
        asked = {"tenant": cleaned(tenant), "limit": limit}
        found = self._database.of(tenant).run(lambda c: c.execute(_HISTORY, asked).mappings().all())
        return tuple(TrustNote(**row) for row in found)

    def tenants(self) -> tuple[str, ...]:
        """Name the tenants about whose rows anything was ever said, sorted."""
        return tuple(self._database.of_all().run(lambda c: c.execute(_TENANTS).scalars().all()))

    def label(self, tenant: str, table: str, labels: Sequence[Label]) -> int:
        """Add labels; gives how many. One of a row that is not in the table is passed over."""
        placed = [{**_label_to_json(label), "place": i} for i, label in enumerate(labels)]
        encoded = dumps(placed, name="label")

        def work(connection: Connection) -> int:
            found = find_table(connection, tenant, table)
            for key in {label.column for label in labels}:
                found.check_column(key)
            return connection.execute(_LABEL, {"table_id": found.id, "labels": encoded}).rowcount

        return self._database.of(tenant).run(work)

    def labels(self, tenant: str, table: str) -> tuple[Label, ...]:
        """Give a table's labels, oldest first. Raises `UnknownNameError`."""

        def work(connection: Connection) -> Sequence[Any]:
            found = find_table(connection, tenant, table)
            return connection.execute(_LABELS, {"table_id": found.id}).all()

        return tuple(_label(raw) for raw in self._database.of(tenant).run(work))

    def heard(
        self, tenant: str, table: str, rows: Sequence[int]
    ) -> tuple[tuple[int, Response], ...]:
        """Give all that was said about some rows, oldest first, each with its run's id."""

        def work(connection: Connection) -> Sequence[Any]:
            found = find_table(connection, tenant, table)
            return connection.execute(_HEARD, {"table_id": found.id, "rows": [*rows]}).all()

        found = self._database.of(tenant).run(work)
        return tuple((raw.run_id, response_from_json(raw.response)) for raw in found)

    def habits(self, tenant: str, *, half_life_s: float) -> Habits:
        """Add up how a tenant's providers answered; older answers count less."""
        name = cleaned(tenant)
        return self._database.of(tenant).run(lambda c: habits_in(c, name, half_life_s=half_life_s))


def _state(found: Any) -> TrustState:
    return replace(trust_from_json(found.state), version=found.version)


def _label_to_json(label: Label) -> dict[str, object]:
    return {
        "row_id": label.row,
        "column_key": label.column,
        "is_right": label.is_right,
        "value": label.value,
        "kind": label.kind.value,
        "actor": label.actor,
        "created_at": label.at.isoformat(),
    }


def _label(raw: Any) -> Label:
    return Label(
        row=raw.row_id,
        column=raw.column_key,
        value=raw.value,
        is_right=raw.is_right,
        at=raw.created_at,
        kind=LabelKind(raw.kind),
        actor=raw.actor,
    )
