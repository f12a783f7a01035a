"""Make replies out of a file's examples: their values adapted to the question, or spoilt. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from enrich.domain.values import Json, JsonObject
from providers.exchange import NotJsonError, parse_json
from providers.spec.answers import Example
from providers.spec.file import HttpSpec
from providers.spec.model import BulkExample

__all__ = ["adapted", "document_of", "lied", "replaced", "text_replaced"]

#: Old values and what stands in their place.
Swaps: TypeAlias = Sequence[tuple[Json, Json]]
#: A shorter text is replaced only where it stands alone: it might be part of any word.
_CHARS_MIN = 4


def document_of(example: Example | BulkExample) -> Json:
    """Give an example's body as JSON; None when it is none."""
    try:
        return parse_json(example.body.encode())
    except NotJsonError:
        return None


def adapted(spec: HttpSpec, example: Example, inputs: JsonObject) -> Json:
    """Give an example's document as the answer to another question: what it echoes is the new."""
    document = document_of(example)
    record = _record(spec, document)
    swaps: list[tuple[Json, Json]] = [
        (_first(echo.path.of(record)), inputs[echo.input])
        for echo in spec.response.echo
        if echo.input in inputs
    ]
    swaps += [(value, inputs[name]) for name, value in example.inputs.items() if name in inputs]
    swaps += [
        (_first(mapped.path.of(record)), inputs[name])
        for name, mapped in spec.response.fields.items()
        if name in inputs
    ]
    return replaced(document, swaps)


def lied(spec: HttpSpec, document: Json, inputs: JsonObject) -> Json:
    """Give a document whose fields hold other values of the same form; what was asked stays."""
    record = _record(spec, document)
    kept = {str(value).casefold() for value in inputs.values()}
    kept |= {str(_first(echo.path.of(record))).casefold() for echo in spec.response.echo}
    said = [_first(mapped.path.of(record)) for mapped in spec.response.fields.values()]
    swaps = [(value, _other(value)) for value in said if str(value).casefold() not in kept]
    return replaced(document, swaps, kept=kept - {""})


def replaced(document: Json, swaps: Swaps, *, kept: Collection[str] = ()) -> Json:
    """Replace values wherever they stand, case aside; the first swap of a value holds.

    A text that holds one of the `kept` is replaced as a whole or not at all.
    """
    table: dict[str, Json] = {}
    for old, new in swaps:
        if isinstance(old, str | int | float) and not isinstance(old, bool) and old != "":
            table.setdefault(str(old).casefold(), new)
    long = {old: str(new) for old, new in table.items() if len(old) >= _CHARS_MIN}
    return _walked(document, table, long, kept)


def text_replaced(text: str, swaps: Mapping[str, str]) -> str:
    """Replace texts within a text, all at once and case aside."""
    if not swaps:
        return text
    longest_first = sorted(swaps, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
    return pattern.sub(lambda found: swaps.get(found[0].casefold(), found[0]), text)


def _record(spec: HttpSpec, document: Json) -> Json:
    return spec.response.record.of(document) if spec.response.record else document


def _first(value: Json) -> Json:
    return (value[0] if value else None) if isinstance(value, list) else value


def _walked(
    document: Json, table: Mapping[str, Json], long: Mapping[str, str], kept: Collection[str]
) -> Json:
    match document:
        case dict():
            return {name: _walked(item, table, long, kept) for name, item in document.items()}
        case list():
            return [_walked(item, table, long, kept) for item in document]
        case bool() | None:
            return document
        case str():
            folded = document.casefold()
            if folded in table:
                return str(table[folded])
            is_kept = any(text in folded for text in kept)
            return document if is_kept else text_replaced(document, long)
        case _:
            return _number(document, table.get(str(document), document))


def _number(old: int | float, new: Json) -> Json:
    """Keep a number a number where the new value can be one."""
    is_whole = isinstance(old, int) and isinstance(new, str) and new.isascii() and new.isdigit()
    return int(new) if is_whole and isinstance(new, str) else new


def _other(value: Json) -> Json:
    """Give another value of the same form: its last letter or digit is the one beside."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    text = str(value)
    for place in range(len(text) - 1, -1, -1):
        if text[place].isascii() and text[place].isalnum():
            return text[:place] + _beside(text[place]) + text[place + 1 :]
    return text


def _beside(char: str) -> str:
    return chr(ord(char) + 1) if char in "01aA" else chr(ord(char) - 1)
