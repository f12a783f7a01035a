"""Requests that came by SQL: rows of an outbox, each taken up by one of those who ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from enrich.domain.values import Json, JsonObject
from enrich.ports.rows import NewRow

__all__ = ["NewSqlRequest", "SqlRequest", "SqlRequests"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSqlRequest:
    """What somebody asks for: cells of one row, and values that are laid over it first.

    `columns` None means all enriched ones. `options` are those of a run, as anybody may write them.
    """

    tenant: str
    table: str
    row: str
    columns: tuple[str, ...] | None = None
    data: "JsonObject | None" = None
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlRequest:
    """A request that was taken. Those of one `pack` become one run."""

    id: int
    pack: int
    wish: NewSqlRequest


class SqlRequests(Protocol):
    """The outbox; every method raises `DatabaseDownError`."""

    def add(self, new: NewSqlRequest) -> int:
        """Ask; gives the request's number. A producer does it in a transaction of its own."""
        ...

    def take(self, *, retake_s: float, limit: int) -> Sequence[SqlRequest]:
        """Take what waits, the oldest first; each is given to one of all who ask at once.

        What was taken `retake_s` ago and not settled is given again, in the same packs.
        """
        ...

    def bring_in(
        self, tenant: str, table: str, asked: Mapping[int, NewRow | None]
    ) -> frozenset[int]:
        """Lay what requests bring over their rows as an import does; gives those that still wait.

        What was erased after it had been taken brings nothing, and who erases one while this is
        done waits for it: so the row that it made is there to be erased.

        Raises:
            UnknownNameError: no such table, or a row has a key that is no column of it.
            BadInputError: a value cannot be stored.
        """
        ...

    def settle(self, tenant: str, ids: Sequence[int], *, run_id: int | None, said: str) -> None:
        """Note that a tenant's were begun by a run, or refused without; their values are forgotten.

        Those that are settled stay as they are.
        """
        ...

    def forget(self, *, older_than_s: float) -> int:
        """Drop settled requests of that age; gives how many."""
        ...
