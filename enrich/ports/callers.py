"""Callers that share a run: each asks for cells of one row, and gets its own answer.

When the database is down every method raises `DatabaseDownError`, and nothing has happened, or
everything has: each method is one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from enrich.domain.run import RunOptions
from enrich.domain.table import Column, Row

__all__ = [
    "CALLER_PREFIX",
    "REPLY_PREFIX",
    "Caller",
    "Callers",
    "Looked",
    "NewCalls",
    "Shared",
    "Waiting",
]

#: What the `reply_to` of a run begins with that several callers share.
REPLY_PREFIX = "callers:"
#: What stands before a caller's id where those who wait are named.
CALLER_PREFIX = "caller:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, by an id that comes once, and for which row.

    `is_single` asks for the one cell itself instead of an object by column. Who does not wait is
    written down as answered.
    """

    id: str
    row: str
    is_single: bool = False
    waits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A table's columns in their order, and those of the rows asked for that are there, by key."""

    table_id: int
    columns: tuple[Column, ...]
    rows: Mapping[str, Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCalls:
    """A run to be stored for several callers, each with the id of its row."""

    tenant: str
    table_id: int
    wanted: tuple[str, ...]
    options: RunOptions
    callers: Sequence[tuple[Caller, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A stored run of one batch, under a lease, and the ids of the callers that it is for."""

    run_id: int
    ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Somebody who has no answer yet, though nobody works on the row any more.

    `row` is its key, empty when the row is no more. `is_cancelled`: the run was stopped.
    """

    id: str
    run_id: int
    tenant: str
    table: str
    row: str
    columns: tuple[str, ...]
    is_single: bool
    is_cancelled: bool


class Callers(Protocol):
    """Requests about single rows, stored together."""

    def look(self, tenant: str, table: str, keys: Collection[str]) -> Looked:
        """Read columns and rows, in one round trip. Raises `UnknownNameError` for the table."""
        ...

    def store(self, new: NewCalls, *, lease_s: float) -> Shared | None:
        """Store a run of one batch for the callers that are new; None when none of them is.

        One round trip and one transaction. Who was stored before is left to the run that it was
        stored with.
        """
        ...

    def waiting(self, run_id: int) -> tuple[Waiting, ...]:
        """Give those of a run's callers who have no answer and whose row nobody works on."""
        ...

    def overdue(self, *, older_than_s: float, limit: int = 500) -> tuple[Waiting, ...]:
        """Give such callers of any run who have waited for so long, the oldest first."""
        ...

    def answered(self, tenant: str, ids: Collection[str]) -> None:
        """Write down that these callers of a tenant's have their answers."""
        ...

    def purge(self, *, older_than_s: float, limit: int = 10_000) -> int:
        """Forget answered callers who asked longer ago than that; gives how many."""
        ...
