"""Finding and erasing what is kept of somebody beside the rows themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enrich.domain.values import Json, JsonObject

__all__ = ["Erasure", "Noted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A line of the audit: what was done, by whom and when."""

    id: int
    at: datetime
    actor: str
    action: str
    details: JsonObject


class Erasure(Protocol):
    """When Postgres is down every method raises `DatabaseDownError`."""

    def subjects(
        self, tenant: str, column: str, value: str, *, table: str | None = None
    ) -> Sequence[tuple[str, str]]:
        """Name the rows, by table and key, whose column has this value; of one table, or of all.

        Those too that are not there yet, of which a request by SQL that waits holds it.
        """
        ...

    def waiting_profiles(self, tenant: str) -> Sequence[tuple[str, JsonObject]]:
        """Give the candidates, with their profiles, of the jobs whose row is not written yet."""
        ...

    def erase_jobs(self, tenant: str, candidate: str) -> int:
        """Remove a candidate's jobs with their results and what was to be told of them."""
        ...

    def erase_requests(self, tenant: str, table: str, key: str) -> int:
        """Remove what was asked for by SQL about a row, whether it has begun or not."""
        ...

    def waiting(self, tenant: str, table: str, key: str) -> Sequence[str]:
        """Give the `reply_to` of the runs that took up a row: their results hold its values."""
        ...

    def note(self, tenant: str, actor: str, action: str, details: Mapping[str, Json]) -> None:
        """Write down for good what was done, by whom; never whom it was about."""
        ...

    def noted(self, tenant: str, *, limit: int = 50, before: int | None = None) -> Sequence[Noted]:
        """Give the newest lines, or those older than the line `before`."""
        ...
