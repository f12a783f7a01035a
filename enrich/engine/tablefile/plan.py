"""What headers mean: which column each becomes, which field it is, and which names the rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from enrich.domain.fields import FIELDS, column_key, fields_of_headers
from enrich.domain.table import Column
from enrich.engine.tablefile.guard import GUARDED, KEY
from enrich.errors import BadInputError, UnknownNameError

__all__ = [
    "NUMBERED",
    "PROVENANCE",
    "Plan",
    "PlannedColumn",
    "guessed_key",
    "parse_mapping",
    "plan_import",
]

#: What an export with provenance adds behind a column's key.
PROVENANCE = ("__provider", "__confidence", "__observed_at", "__state")

#: Columns that name a row, the surest first. None of them: rows are numbered.
_KEYS = ("id", "key", "row_id", "uuid", "symbol", "ticker", "isin", "lei")

#: Fields that say which company, person or address a row is about: most providers ask with them.
_IDENTIFYING = frozenset({
    "company_name", "company_legal_name", "ticker", "isin", "lei", "vat_id", "cik", "wikidata_id",
    "website", "domain", "linkedin_url", "wikipedia_url", "company_number", "uk_company_number",
    "siren", "no_org_number", "ein", "email", "email_domain", "phone", "phone_e164", "full_name",
    "last_name", "github_login", "ip_address",
})  # fmt: skip

#: Given as the key: number the rows, whatever the columns are called.
NUMBERED = "#"


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A header and the column that its values go to; `known`: providers know its field.

    `beside` is the table's column that has the same field, where this one is new; else empty.
    """

    header: str
    column: Column
    known: bool
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is read; `key` is the header that names rows, None when they are numbered.

    `identifies`: a column of the file or of the table says what a row is about.
    """

    columns: tuple[PlannedColumn, ...]
    key: str | None
    ignored: tuple[str, ...]
    identifies: bool


def parse_mapping(items: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Read `HEADER=KEY[:FIELD]`; the field is "" when not given.

    Raises `BadInputError`, or `UnknownNameError` for a field that is not in the vocabulary.
    """
    mapping = {}
    for item in items:
        header, equals, target = item.partition("=")
        key, _, field = target.partition(":")
        if not equals or not header.strip() or key != column_key(key):
            hint = "write HEADER=KEY or HEADER=KEY:FIELD, the key in small letters and digits"
            raise BadInputError("--map", f"{item!r} is not understood", hint=hint)
        if field and field != key and field not in FIELDS:
            raise UnknownNameError("field", field, known=tuple(FIELDS))
        mapping[header.strip()] = (key, field)
    return mapping


def plan_import(
    headers: tuple[str, ...],
    *,
    existing: Sequence[Column] = (),
    mapping: Mapping[str, tuple[str, str]] | None = None,
    key: str | None = None,
) -> Plan:
    """Decide what each header means; a column that exists keeps what it is.

    Raises `UnknownNameError` when the key or a mapped header is not in the file, `BadInputError`
    when two headers would become one column.
    """
    mapping = mapping or {}
    for name in (*mapping, *([key] if key else [])):
        if name not in headers and name != NUMBERED:
            raise UnknownNameError("column", name, known=headers)
    ours = _ours(headers)
    taken = tuple(header for header in headers if header not in ours)
    columns = _planned(taken, existing, mapping)
    by_key = {planned.column.key: planned.header for planned in columns}
    named = key or (KEY if KEY in headers else by_key.get(guessed_key(by_key) or ""))
    fields = {column.field for column in (*existing, *(planned.column for planned in columns))}
    return Plan(
        columns=columns,
        key=None if named == NUMBERED else named,
        ignored=tuple(sorted(ours - {KEY, GUARDED})),
        identifies=not fields.isdisjoint(_IDENTIFYING),
    )


def _ours(headers: tuple[str, ...]) -> frozenset[str]:
    """Name the headers that an export of ours has added."""
    present = frozenset(headers)
    whole = [h for h in headers if all(f"{h}{end}" in present for end in PROVENANCE)]
    added = {f"{header}{end}" for header in whole for end in PROVENANCE}
    return frozenset(added) | (present & {KEY, GUARDED})


def _planned(
    headers: tuple[str, ...],
    existing: Sequence[Column],
    mapping: Mapping[str, tuple[str, str]],
) -> tuple[PlannedColumn, ...]:
    known = {column.key: column for column in existing}
    by_field = {column.field: column.key for column in existing}
    fields = dict(zip(headers, fields_of_headers(headers), strict=True))
    used: set[str] = set()
    planned: list[PlannedColumn] = []
    for header in headers:
        key, field = mapping.get(header, ("", ""))
        key = key or _free_key(header, used)
        if key in used:
            raise BadInputError("--map", f"two columns would both be {key!r}")
        used.add(key)
        meant = field or fields[header] or ""
        column = known.get(key) or Column(
            key=key, field=meant or key, position=len(known) + len(planned)
        )
        column = replace(column, field=field) if field else column
        is_known = column.field in FIELDS or column.prompt is not None
        beside = "" if key in known else by_field.get(column.field, "")
        planned.append(PlannedColumn(header, column, known=is_known, beside=beside))
    return tuple(planned)


def _free_key(header: str, used: set[str]) -> str:
    key = column_key(header)
    return next(
        candidate
        for candidate in (key, *(f"{key[:58]}_{n}" for n in range(2, 10_000)))
        if candidate not in used
    )


def guessed_key(keys: Iterable[str]) -> str | None:
    """Say which of these columns names the rows when nobody says so; None: they are numbered."""
    present = frozenset(keys)
    return next((name for name in _KEYS if name in present), None)
