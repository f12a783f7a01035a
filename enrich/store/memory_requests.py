"""The outbox in memory, with the meaning of that in PostgreSQL."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from enrich.errors import BadInputError
from enrich.ports.requests import NewSqlRequest, SqlRequest
from enrich.ports.rows import NewRow
from enrich.store.memory import MemoryDatabase, MemoryRowStore

__all__ = ["MemorySqlRequests"]


@dataclass(slots=True)
class _Kept:
    """One request; it waits until it is settled."""

    wish: NewSqlRequest
    created_at: datetime
    taken_at: datetime | None = None
    pack: int | None = None
    is_settled: bool = False


class MemorySqlRequests:
    """The port `SqlRequests` beside the other stores of one memory, under their lock."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._db = database
        self._kept: dict[int, _Kept] = {}
        self._last = 0

    def add(self, new: NewSqlRequest) -> int:
        """Ask; the port's promise."""
        if not new.table or not new.row:
            raise BadInputError("table_name, row_key", "must not be empty")
        with self._db.lock:
            self._last += 1
            self._kept[self._last] = _Kept(new, self._db.now())
            return self._last

    def take(self, *, retake_s: float, limit: int) -> Sequence[SqlRequest]:
        """Take what waits; the port's promise."""
        with self._db.lock:
            lost = self._db.now() - timedelta(seconds=retake_s)
            due = [number for number, kept in self._kept.items() if _is_due(kept, lost)][:limit]
            packs: dict[str, int] = {}
            for number in due:
                kept = self._kept[number]
                kept.taken_at = self._db.now()
                kept.pack = kept.pack or packs.setdefault(_alike(kept.wish), number)
            return tuple(self._taken(number) for number in due)

    def bring_in(
        self, tenant: str, table: str, asked: Mapping[int, NewRow | None]
    ) -> frozenset[int]:
        """Lay what they bring over their rows; the port's promise."""
        with self._db.lock:
            held = {n for n in asked if n in self._kept and not self._kept[n].is_settled}
            rows = [row for number in sorted(held) if (row := asked[number]) is not None]
            MemoryRowStore(self._db).import_rows(tenant, table, rows)
            return frozenset(held)

    def settle(
        self,
        tenant: str,
        ids: Sequence[int],
        *,
        run_id: int | None,  # noqa: ARG002 - nobody reads them here
        said: str,  # noqa: ARG002
    ) -> None:
        """Note what became of them; the port's promise."""
        with self._db.lock:
            own = {n for n, kept in self._kept.items() if kept.wish.tenant == tenant}
            for number in own.intersection(ids):
                self._kept[number].is_settled = True

    def forget(self, *, older_than_s: float) -> int:
        """Drop settled requests; the port's promise."""
        with self._db.lock:
            before = self._db.now() - timedelta(seconds=older_than_s)
            old = [
                number
                for number, kept in self._kept.items()
                if kept.is_settled and (kept.taken_at or kept.created_at) < before
            ]
            for number in old:
                del self._kept[number]
            return len(old)

    def _taken(self, number: int) -> SqlRequest:
        kept = self._kept[number]
        return SqlRequest(id=number, pack=kept.pack or number, wish=kept.wish)


def _is_due(kept: _Kept, lost: datetime) -> bool:
    return not kept.is_settled and (kept.taken_at is None or kept.taken_at <= lost)


def _alike(wish: NewSqlRequest) -> str:
    columns = None if wish.columns is None else list(wish.columns)
    return json.dumps([wish.tenant, wish.table, columns, dict(wish.options)], sort_keys=True)
