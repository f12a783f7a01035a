"""Parquet, with pyarrow when it is installed (`pip install 'enrich-engine[parquet]'`)."""

import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from enrich.domain.values import Json, JsonObject
from enrich.engine.tablefile.exporting import Export
from enrich.engine.tablefile.guard import as_text
from enrich.errors import BadInputError

__all__ = ["require", "write_parquet"]

_GROUP_ROWS = 10_000


def require() -> None:
    """Raise `BadInputError` with the way out when pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        hint = "pip install 'enrich-engine[parquet]'"
        raise BadInputError("--format", "parquet needs pyarrow, which is not installed", hint=hint)


def write_parquet(export: Export, path: Path) -> int:
    """Write the rows in groups, a column as numbers where all its values are; returns how many."""
    arrow, parquet = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    kinds = _kinds(export)
    schema = arrow.schema([(name, _arrow_type(arrow, kinds[name])) for name in export.names])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for group in _groups(export.rows()):
            cells = [{name: _cell(row.get(name), kinds[name]) for name in kinds} for row in group]
            writer.write_table(arrow.Table.from_pylist(cells, schema=schema))
            count += len(group)
    return count


def _kinds(export: Export) -> dict[str, type]:
    """Find, in one pass, the narrowest kind that every value of a column fits."""
    kinds: dict[str, type | None] = dict.fromkeys(export.names)
    for row in export.rows():
        for name in export.names:
            kinds[name] = _wider(kinds[name], row.get(name))
    return {name: kind or str for name, kind in kinds.items()}


def _wider(kind: type | None, value: Json) -> type | None:
    if value is None or kind is str:
        return kind
    own = type(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str
    if kind is None or kind is own:
        return own if own in (bool, int, float) else str
    return float if {kind, own} == {int, float} else str


def _arrow_type(arrow: Any, kind: type) -> Any:
    made = {bool: arrow.bool_, int: arrow.int64, float: arrow.float64}.get(kind, arrow.string)
    return made()


def _cell(value: Json, kind: type) -> Json:
    return value if value is None or kind is not str else as_text(value)


def _groups(rows: Iterator[JsonObject]) -> Iterator[list[JsonObject]]:
    while group := list(islice(rows, _GROUP_ROWS)):
        yield group
