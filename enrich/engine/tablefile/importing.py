"""Import a table file: everything or nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from enrich.domain.table import Column
from enrich.domain.values import Json, JsonObject, is_blank
from enrich.engine.tablefile.guard import as_text
from enrich.engine.tablefile.plan import NUMBERED, Plan, plan_import
from enrich.engine.tablefile.reading import LINES_NAMED, Record, TableFile, named_lines
from enrich.errors import BadFileError, UnknownNameError
from enrich.ports import NewRow, ResultCache, RowStore

__all__ = ["ImportReport", "import_table"]

_CHUNK = 500
_KEY_CHARS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What was understood and what came of it.

    `same` counts rows that were there already with the same values.
    """

    table: str
    rows: int
    inserted: int
    changed: int
    plan: Plan

    @property
    def same(self) -> int:
        """Rows that changed nothing."""
        return self.rows - self.inserted - self.changed


def import_table(
    file: TableFile,
    *,
    rows: RowStore,
    tenant: str,
    table: str,
    key: str | None = None,
    mapping: Mapping[str, tuple[str, str]] | None = None,
    cells: ResultCache | None = None,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Check the whole file, then store its columns and rows; blank cells say nothing.

    A cell that holds what the stored one would be exported as is left alone: sending an export back
    makes nobody the author of what providers said. What is cached in `cells` is voided when rows
    have changed. `progress` is told the rows so far.

    Raises:
        BadFileError: something is wrong in the file; nothing was stored.
    """
    existing = _existing(rows, tenant, table)
    plan = plan_import(file.headers, existing=existing, mapping=mapping, key=key)
    count = _check(file, plan)
    rows.save_columns(tenant, table, [planned.column for planned in plan.columns])
    fresh = _new_rows(file, plan)
    fresh = _counted(fresh, progress) if progress else fresh
    stored = {row.key for row in rows.scan(tenant, table)} if existing else set()
    changes = _changes(fresh, rows=rows, tenant=tenant, table=table, stored=stored)
    inserted, changed = rows.import_rows(tenant, table, changes)
    if changed and cells is not None:
        # All at once: what is voided costs one reading of its row, and the file may be any size.
        cells.clear()
    return ImportReport(table=table, rows=count, inserted=inserted, changed=changed, plan=plan)


def _existing(rows: RowStore, tenant: str, table: str) -> Sequence[Column]:
    try:
        return rows.table(tenant, table).columns
    except UnknownNameError:
        return ()


def _check(file: TableFile, plan: Plan) -> int:
    """Read all of the file once; count its rows, and refuse blank and double keys."""
    seen: set[int] = set()
    again: dict[str, int] = {}
    blank: list[int] = []
    count = 0
    for count, record in enumerate(file.records(), start=1):
        name = _key_of(record, plan, count)
        if not name or len(name) > _KEY_CHARS:
            blank.append(record.line)
        elif hash(name) in seen:  # a hash takes a tenth of what the key and its line would
            again.setdefault(name, record.line)
        seen.add(hash(name))
        if len(blank) >= LINES_NAMED:
            break
    _refuse_blank_keys(file, plan, blank)
    _refuse_double_keys(file, plan, again)
    if not count:
        raise BadFileError(file.name, "has a header and no rows")
    return count


def _refuse_blank_keys(file: TableFile, plan: Plan, lines: list[int]) -> None:
    if lines:
        named = named_lines([str(line) for line in lines])
        problem = f"the key {plan.key!r} is blank or over {_KEY_CHARS} characters in line {named}"
        raise BadFileError(file.name, problem, hint=_OTHER_KEY)


def _refuse_double_keys(file: TableFile, plan: Plan, again: dict[str, int]) -> None:
    if not again:
        return
    first: dict[str, int] = {}
    for number, record in enumerate(file.records(), start=1):
        name = _key_of(record, plan, number)
        if name in again:
            first.setdefault(name, record.line)
    # Two keys of one hash are no double: such a key is first met on the line itself.
    pairs = [f"{first[name]} and {line}" for name, line in again.items() if first[name] != line]
    if pairs:
        problem = f"the key {plan.key!r} is the same in lines {named_lines(pairs)}"
        raise BadFileError(file.name, problem, hint=_OTHER_KEY)


_OTHER_KEY = f"name another column with --key, or number the rows with --key '{NUMBERED}'"


def _key_of(record: Record, plan: Plan, number: int) -> str:
    if plan.key is None:
        return str(number)
    return as_text(record.values.get(plan.key)).strip()


def _new_rows(file: TableFile, plan: Plan) -> Iterator[NewRow]:
    for number, record in enumerate(file.records(), start=1):
        yield NewRow(key=_key_of(record, plan, number), data=_data_of(record, plan))


def _data_of(record: Record, plan: Plan) -> JsonObject:
    values = {p.column.key: record.values.get(p.header) for p in plan.columns}
    return {key: value for key, value in values.items() if not is_blank(value)}


def _counted(rows: Iterable[NewRow], progress: Callable[[int], None]) -> Iterator[NewRow]:
    for count, row in enumerate(rows, start=1):
        yield row
        if count % _CHUNK == 0:
            progress(count)


def _changes(
    fresh: Iterator[NewRow], *, rows: RowStore, tenant: str, table: str, stored: set[str]
) -> Iterator[NewRow]:
    """Leave out of each row what is stored already, read some hundred rows at a time."""
    while chunk := list(islice(fresh, _CHUNK)):
        there = [row.key for row in chunk if row.key in stored]
        known = {row.key: row.data for row in rows.read(tenant, table, there)} if there else {}
        for row in chunk:
            yield NewRow(key=row.key, data=_difference(row.data, known.get(row.key, {})))


def _difference(fresh: JsonObject, stored: Mapping[str, Json]) -> JsonObject:
    return {
        key: value
        for key, value in fresh.items()
        if value != stored.get(key) and as_text(value) != as_text(stored.get(key))
    }
