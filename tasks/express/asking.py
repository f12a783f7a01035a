"""What a request about a cell or a row asks for, read from its arguments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Signature, signature
from typing import Any

from enrich.engine.arguments import columns_of, name_of, options_of
from enrich.engine.together import Wish
from enrich.errors import BadInputError

__all__ = ["Asked", "asked_of", "cell_asked", "names_of_arguments", "row_asked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Cells of one row; `is_single` asks for the one cell itself."""

    wish: Wish
    row: str
    is_single: bool


def cell_asked(
    table_id: str,
    row_id: str,
    column_key: str,
    force: bool | str = False,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    tenant: str = "default",
    max_cost: float | None = None,
) -> Asked:
    """Read the arguments of `enrich.cell`. Raises `BadInputError`."""
    column = name_of("column_key", column_key)
    wish = Wish(
        options=options_of(force, parallel_probes, ensemble_fusion, max_cost),
        columns=(column,),
        table=name_of("table_id", table_id),
        tenant=name_of("tenant", tenant),
    )
    return Asked(wish=wish, row=name_of("row_id", row_id), is_single=True)


def row_asked(
    table_id: str,
    row_id: str,
    columns: Sequence[str] | None = None,
    force: bool | str = False,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    tenant: str = "default",
    max_cost: float | None = None,
) -> Asked:
    """Read the arguments of `enrich.row`. Raises `BadInputError`."""
    wish = Wish(
        options=options_of(force, parallel_probes, ensemble_fusion, max_cost),
        columns=columns_of(columns),
        table=name_of("table_id", table_id),
        tenant=name_of("tenant", tenant),
    )
    return Asked(wish=wish, row=name_of("row_id", row_id), is_single=False)


_READERS: Mapping[str, tuple[Callable[..., Asked], Signature]] = {
    "enrich.cell": (cell_asked, signature(cell_asked)),
    "enrich.row": (row_asked, signature(row_asked)),
}


def asked_of(task: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Asked:
    """Read a message's arguments. Raises `BadInputError`."""
    read, names = _READERS[task]
    try:
        names.bind(*args, **kwargs)
    except TypeError as exc:
        hint = f"{task} takes {names_of_arguments(names)}"
        raise BadInputError("arguments", str(exc), hint=hint) from exc
    return read(*args, **kwargs)


def names_of_arguments(names: Signature) -> str:
    """List what a task takes, for who has called it wrongly."""
    return ", ".join(names.parameters)
