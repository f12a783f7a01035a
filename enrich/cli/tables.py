"""`enrich tables` and `enrich columns`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import click

from enrich.cli.output import (
    as_json_option,
    grouped,
    print_json,
    print_note,
    print_table,
    tenant_option,
)
from enrich.cli.prompts import PromptOptions, prompt_options
from enrich.cli.services import opened
from enrich.cli.stakes import StakeOptions, stake_options
from enrich.domain.fields import FIELDS, column_key
from enrich.domain.policy import FusionMethod
from enrich.domain.table import Column, Overwrite
from enrich.engine.prompts import refuse_bad_prompt
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import RowStore, TableView

__all__ = ["add_columns", "columns_command", "enriched_columns", "keys_of", "tables_command"]

_Options = TypeVar("_Options", "_Meaning", StakeOptions, PromptOptions)

_meaning_options = grouped(
    click.option("--field", help="Which field the column means; default: the one of its name."),
    click.option("--overwrite", type=click.Choice([mode.value for mode in Overwrite])),
    click.option(
        "--min-confidence",
        type=click.FloatRange(0, 1),
        help="Below it dearer providers are asked too.",
    ),
    click.option(
        "--fusion",
        type=click.Choice(["default", *(method.value for method in FusionMethod)]),
        help="How several answers become one value, here.",
    ),
)


@click.command("tables")
@tenant_option
@as_json_option
def tables_command(*, tenant: str, as_json: bool) -> None:
    """List the tables."""
    with opened() as services:
        tables = services.parts.rows.tables(tenant)
    if as_json:
        print_json(tables)
        return
    print_table(
        ("table", "rows", "columns", "of them enriched"),
        [(t.name, t.rows, len(t.columns), sum(c.enriched for c in t.columns)) for t in tables],
    )


@click.command("columns")
@click.argument("table")
@click.argument("action", type=click.Choice(["list", "add", "set"]), default="list")
@click.argument("key", required=False)
@_meaning_options
@stake_options
@prompt_options
@tenant_option
@as_json_option
def columns_command(
    *, table: str, action: str, key: str | None, tenant: str, as_json: bool, **given: Any
) -> None:
    """List TABLE's columns, add one to be enriched, or set what one allows.

    \b
    enrich columns companies
    enrich columns companies add hq --field headquarters
    enrich columns companies set hq --overwrite always
    enrich columns people set phone --worth 0.5 --wrong-cost 4
    enrich columns companies add sector --choices retail,banking --prompt "Sector of {company}?"
    """
    if (key is None) != (action == "list"):
        raise BadInputError("KEY", "add and set need the column's key, list takes none")
    with opened() as services:
        rows = services.parts.rows
        view = rows.table(tenant, table)
        if key is not None:
            changed = _wished(view, key, given, adds=action == "add")
            refuse_bad_prompt(changed, view.columns)
            rows.save_columns(tenant, table, [changed])
            view = rows.table(tenant, table)
    _print(view, as_json=as_json)


def enriched_columns(
    rows: RowStore, tenant: str, table: str, keys: Sequence[str]
) -> tuple[Column, ...]:
    """Give these columns as ones to be enriched; those that the table lacks are made of fields.

    Raises:
        UnknownNameError: there is no such table, or neither a column nor a field of a name.
    """
    view = rows.table(tenant, table)
    present = {column.key: column for column in view.columns}
    lacking = [key for key in keys if key not in present]
    fresh = {
        key: replace(_added(view, key, None), position=len(present) + place)
        for place, key in enumerate(lacking)
    }
    return tuple(replace({**present, **fresh}[key], enriched=True) for key in keys)


def keys_of(
    rows: RowStore, tenant: str, table: str, names: Sequence[str] | None
) -> tuple[str, ...] | None:
    """Give the columns that names mean: those of that key, else the one that has that field.

    What is neither stays as it is. Raises `UnknownNameError` for the table, `BadInputError` where
    several columns have the field.
    """
    if names is None:
        return None
    columns = rows.table(tenant, table).columns
    return tuple(dict.fromkeys(_key_of(columns, name) for name in names))


def _key_of(columns: Sequence[Column], name: str) -> str:
    meant = [column.key for column in columns if column.field == name]
    if not meant or any(column.key == name for column in columns):
        return name
    if len(meant) > 1:
        problem = f"{name!r} is the field of {' and '.join(map(repr, meant))}"
        raise BadInputError("--columns", problem, hint="name one of these")
    print_note(f"{name} is what the column {meant[0]!r} holds: that one is enriched")
    return meant[0]


def add_columns(rows: RowStore, tenant: str, table: str, keys: Sequence[str]) -> None:
    """Have these columns enriched; the same errors."""
    rows.save_columns(tenant, table, enriched_columns(rows, tenant, table, keys))


def _added(view: TableView, key: str, field: str | None) -> Column:
    if any(column.key == key for column in view.columns):
        raise BadInputError("KEY", f"{view.name!r} has a column {key!r} already", hint="use set")
    if key != column_key(key):
        raise BadInputError("KEY", "letters a-z, digits and _ make a key", hint=column_key(key))
    if field is None and key not in FIELDS:
        known = (*(column.key for column in view.columns), *FIELDS)
        raise UnknownNameError("column or field", key, known=known)
    if field != key:
        _refuse_unknown_field(field)
    return Column(key=key, field=field or key, enriched=True, position=len(view.columns))


def _wished(view: TableView, key: str, given: Mapping[str, Any], *, adds: bool) -> Column:
    """Give the column as the options say that it is then. Raises `UsageError`."""
    meaning, prompt = _of(_Meaning, given), _of(PromptOptions, given)
    own = key if adds and prompt.prompt else None
    column = _added(view, key, meaning.field or own) if adds else view.column(key)
    column = replace(column, prompt=prompt.over(column.prompt))
    return _of(StakeOptions, given).over(meaning.over(column))


def _of(kind: type[_Options], given: Mapping[str, Any]) -> _Options:
    return kind(**{each.name: given[each.name] for each in fields(kind)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meaning:
    """What was given on the command line of what a column means; None is what was not."""

    field: str | None
    overwrite: str | None
    min_confidence: float | None
    fusion: str | None

    def over(self, column: Column) -> Column:
        """Give the column as it is then. Raises `UnknownNameError`."""
        _refuse_unknown_field(self.field)
        least, methods = self.min_confidence, {None: column.fusion, "default": ""}
        return replace(
            column,
            field=self.field or column.field,
            overwrite=Overwrite(self.overwrite) if self.overwrite else column.overwrite,
            min_confidence=column.min_confidence if least is None else least,
            fusion=methods.get(self.fusion, self.fusion or ""),
        )


def _refuse_unknown_field(field: str | None) -> None:
    if field is not None and field not in FIELDS:
        raise UnknownNameError("field", field, known=tuple(FIELDS))


def _print(view: TableView, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    print_table(
        ("column", "field", "enriched", "overwrite typed values", "least confidence", "prompt"),
        [
            (
                c.key,
                c.field,
                "yes" if c.enriched else "",
                c.overwrite.value,
                c.min_confidence,
                c.prompt.text if c.prompt else "",
            )
            for c in view.columns
        ],
    )
