"""Lists by the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel

from enrich.api.cursors import Cursors

__all__ = ["Listing", "Paging", "page_of"]


class Listing(BaseModel):
    """A page: its items, and the cursor of the next page when there is one."""

    items: list[dict[str, Any]]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class PageWish:
    """Which page somebody wants."""

    limit: int
    cursor: str | None
    cursors: Cursors

    def place(self, tenant: str, of: str) -> int | None:
        """Give where the page begins; None at the list's beginning. Raises `ProblemError`."""
        return self.cursors.read(tenant, of, self.cursor)


def _wish(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> PageWish:
    return PageWish(limit, cursor, request.app.state.cursors)


Paging = Annotated[PageWish, Depends(_wish)]


def page_of(
    items: Sequence[dict[str, Any]], places: Sequence[int], wish: PageWish, *, tenant: str, of: str
) -> Listing:
    """Make a page of up to `limit` items; one more was read to know whether others follow."""
    more = len(items) > wish.limit
    following = wish.cursors.write(tenant, of, places[wish.limit - 1]) if more else None
    return Listing(items=list(items[: wish.limit]), next=following)
