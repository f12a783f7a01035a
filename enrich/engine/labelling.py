"""Take down that a cell's value is right or wrong."""

from enrich.domain.values import Json, is_blank
from enrich.engine.gather import trust_of
from enrich.engine.parts import Parts
from enrich.errors import BadInputError
from enrich.ports.trust import Label, LabelKind

__all__ = ["label_cell"]


def label_cell(
    parts: Parts,
    tenant: str,
    table: str,
    row: str,
    column: str,
    *,
    value: Json = None,
    is_right: bool = True,
    kind: LabelKind = LabelKind.PERSON,
    actor: str = "",
) -> Label:
    """Label a value of a cell, without one the value that stands there; give the label.

    Raises:
        UnknownNameError: there is no such table, row or column.
        BadInputError: no value is given, and the cell has none.
    """
    parts.rows.table(tenant, table).column(column)
    (found,) = parts.rows.read(tenant, table, [row])
    meant = found.data.get(column) if is_blank(value) else value
    if is_blank(meant):
        raise BadInputError(
            "value", f"the cell {row} · {column} has none", hint="name the right one with --value"
        )
    label = Label(
        row=found.id,
        column=column,
        value=meant,
        is_right=is_right,
        at=parts.clock.now(),
        kind=kind,
        actor=actor,
    )
    trust_of(parts).store.label(tenant, table, [label])
    return label
