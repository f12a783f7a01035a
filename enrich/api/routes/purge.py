"""Erasure: of a row, or of everything about somebody."""

from fastapi import APIRouter

from enrich.api.asked import Answer, Operating, Own, Queue
from enrich.api.models import PurgeWish
from enrich.api.paths import RowId, TableId
from enrich.api.reading import StrictRoute
from enrich.domain.values import JsonObject
from enrich.engine.purge import Erased, erase, erase_subject

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["erasure"], route_class=StrictRoute)


@router.delete("/tables/{table_id}/rows/{row_id}")
def erase_row(table_id: TableId, row_id: RowId, who: Operating, own: Own, queue: Queue) -> Answer:
    """Erase a row with all that was ever said about it, its vectors, its jobs and what is cached.

    Work on it that is under way finds it gone. A line without its name remains.
    """
    queue.check()
    erased = erase(own.desk, who.tenant, table_id, row_id, actor=who.name)
    return _told(queue, erased)


@router.post("/purge")
def erase_somebody(wish: PurgeWish, who: Operating, own: Own, queue: Queue) -> Answer:
    """Erase every row whose column has this value: of one table, or of all; 0 rows is no error.

    A column that no such table has is refused, with the nearest name.
    """
    queue.check()
    erased = erase_subject(
        own.desk, who.tenant, wish.column_key, wish.value, table=wish.table_id, actor=who.name
    )
    return _told(queue, erased)


def _told(queue: Queue, erased: Erased) -> JsonObject:
    queue.forget(erased.waiting)
    return {
        "rows": erased.rows,
        "answers": erased.answers,
        "jobs": erased.jobs,
        "requests": erased.requests,
    }
