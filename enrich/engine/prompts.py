"""Declare that a language model fills a column; what could never be asked is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from enrich.domain.answer_form import checked_schema, schema_of
from enrich.domain.fields import column_key
from enrich.domain.prompt import Prompt, check_order, holes_of
from enrich.domain.table import Column
from enrich.domain.values import microcredits_of
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import RowStore

__all__ = ["PromptWish", "declare_prompt", "prompt_of", "refuse_bad_prompt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptWish:
    """What somebody says of a prompt; None keeps what the column has, or takes the default.

    `choices` goes before `schema` (JSON text), and that before `answer` (a form by its name).
    `max_cost` is for one cell, in credits.
    """

    text: str
    answer: str | None = None
    choices: Sequence[str] = ()
    schema: str | None = None
    evidence: Sequence[str] | None = None
    model: str | None = None
    max_cost: float | None = None


def prompt_of(wish: PromptWish, present: Prompt | None = None) -> Prompt:
    """Make a prompt of a wish, over the one that is there.

    Raises:
        BadInputError: a part of it is wrong by itself.
    """
    base = present or Prompt(text=wish.text, schema=schema_of())
    schema = base.schema
    if wish.choices:
        schema = schema_of(choices=wish.choices)
    elif wish.schema is not None:
        schema = checked_schema(wish.schema)
    elif wish.answer is not None:
        schema = schema_of(wish.answer)
    if wish.max_cost is not None and not 0 <= wish.max_cost <= 1e6:
        raise BadInputError("max_cost", "must be a number of credits, 0 or more")
    if wish.model is not None and not (wish.model.isprintable() and len(wish.model) <= 200):
        raise BadInputError("model", "must be at most 200 printable characters")
    cost = base.max_cost_microcredits if wish.max_cost is None else microcredits_of(wish.max_cost)
    return Prompt(
        text=wish.text,
        schema=schema,
        evidence=base.evidence if wish.evidence is None else tuple(dict.fromkeys(wish.evidence)),
        model=base.model if wish.model is None else wish.model.strip(),
        max_cost_microcredits=cost,
    )


def declare_prompt(
    rows: RowStore, tenant: str, table: str, key: str, wish: PromptWish, *, field: str | None = None
) -> Column:
    """Let a language model fill a column of a table, which is added where there is none.

    Raises:
        UnknownNameError: there is no such table, or the prompt names a column that is not there.
        BadInputError: the prompt could never be asked; says why.
    """
    columns = rows.table(tenant, table).columns
    if key != column_key(key):
        raise BadInputError("KEY", "letters a-z, digits and _ make a key", hint=column_key(key))
    fresh = Column(key=key, field=field or key, enriched=True, position=len(columns))
    present = next((column for column in columns if column.key == key), fresh)
    asked = replace(
        present,
        field=field or present.field,
        enriched=True,
        prompt=prompt_of(wish, present.prompt),
    )
    refuse_bad_prompt(asked, columns)
    rows.save_columns(tenant, table, [asked])
    return asked


def refuse_bad_prompt(column: Column, columns: Sequence[Column]) -> None:
    """Raise what `declare_prompt` does if a column cannot be asked about beside the others."""
    if column.prompt is None:
        return
    named = [hole.key for hole in holes_of(column.prompt.text)]
    known = {each.key: each for each in columns} | {column.key: column}
    if not named:
        raise BadInputError(
            "prompt",
            "names no column, so it would ask the same of every row",
            hint="write {column}",
        )
    for key in named:
        if key not in known:
            raise UnknownNameError("column", key, known=tuple(known), within="the prompt")
    for key in column.prompt.evidence:
        if key not in named:
            raise BadInputError("evidence", f"{key!r} is no column that the prompt names")
    for other in known.values():
        if other.prompt and other.key != column.key and other.field == column.field:
            raise BadInputError(
                "field", f"a model fills {column.field!r} in column {other.key!r} already"
            )
    prompts = {each.key: each.prompt.text for each in known.values() if each.prompt}
    check_order({key: [hole.key for hole in holes_of(text)] for key, text in prompts.items()})
