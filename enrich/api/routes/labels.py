"""Labels: what people and verification calls say about a cell's value."""

from fastapi import APIRouter

from enrich.api.asked import Answer, Enriching, Own
from enrich.api.models import LabelWish
from enrich.api.paths import ColumnKey, RowId, TableId
from enrich.api.reading import StrictRoute
from enrich.engine.labelling import label_cell
from enrich.ports.trust import LabelKind

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["labels"], route_class=StrictRoute)


@router.post("/tables/{table_id}/rows/{row_id}/cells/{column_key}/labels", status_code=201)
def label(
    table_id: TableId,
    row_id: RowId,
    column_key: ColumnKey,
    wish: LabelWish,
    who: Enriching,
    own: Own,
) -> Answer:
    """Say that the cell's value, or the one given, is right or wrong; the cell stays as it is.

    It teaches whom to trust, from the next time that trust is learned.
    """
    said = label_cell(
        own.parts,
        who.tenant,
        table_id,
        row_id,
        column_key,
        value=wish.value,
        is_right=wish.right,
        kind=LabelKind(wish.kind),
        actor=who.name,
    )
    return {
        "row": row_id,
        "column": column_key,
        "value": said.value,
        "right": said.is_right,
        "kind": said.kind.value,
        "at": said.at.isoformat(),
    }
