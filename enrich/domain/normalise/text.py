"""The form that any value has when nothing is known of its type."""

import json
import re

from enrich.domain.keys import folded
from enrich.domain.values import Json

__all__ = ["canonical"]

_END_SIGNS = " .,;:!'\"()[]"
#: How an address of the web is written says nothing about where it leads.
_ADDRESS = re.compile(r"^https?://(www\.)?|(?<=^)www\.(?=[^/]+\.)|(?<=[^/])/$")
#: Only texts that are surely numbers: a leading zero makes an identifier of it.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?")


def canonical(value: Json) -> str:
    """Give a text that is equal for values that differ in case, width, spaces or end signs only.

    A number and the same number as text are equal; a list is a set.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            return _text(value)
        case list():
            return json.dumps(sorted({canonical(item) for item in value}), ensure_ascii=False)
        case _:
            return json.dumps(folded(value), sort_keys=True, ensure_ascii=False)


def _text(value: str) -> str:
    text = _ADDRESS.sub("", str(folded(value)).strip(_END_SIGNS))
    return _number(float(text)) if _NUMBER.fullmatch(text) else text


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
