"""Text that a spreadsheet would run as a formula, made harmless on the way out.

A text that begins with one of `= + - @`, their full-width forms, a tab, a carriage return or NUL
gets an apostrophe in front. Which cells got one is written in a column of its own, so that an
import takes off exactly those, whatever the texts themselves begin with.
"""

import json
import re
from collections.abc import Mapping

from enrich.domain.fields import FIELDS, FieldType
from enrich.domain.values import Json

__all__ = ["GUARDED", "KEY", "as_text", "guarded_cells", "needs_guard", "unguarded"]

#: The columns that an export adds for its own sake, and an import takes as such.
GUARDED = "_guarded"
KEY = "_key"

_RISKY = frozenset("=+-@\t\r\0＝＋－＠")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?\Z", re.ASCII)
_NUMERIC = frozenset({FieldType.NUMBER, FieldType.MONEY, FieldType.YEAR})


def as_text(value: Json) -> str:
    """Write a value as one field: text as it is, nothing as "", all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def needs_guard(value: Json, field: str) -> bool:
    """Say whether a value in a column of this field would be taken for a formula.

    A number is none, nor is the text of a plain number where the field is numeric.
    """
    if not isinstance(value, str) or not value or value[0] not in _RISKY:
        return False
    known = FIELDS.get(field)
    return not (known and known.type in _NUMERIC and _PLAIN_NUMBER.match(value))


def guarded_cells(values: Mapping[str, Json], fields: Mapping[str, str]) -> tuple[str, ...]:
    """Name the columns of a row whose values need the apostrophe."""
    return tuple(key for key, value in values.items() if needs_guard(value, fields.get(key, "")))


def unguarded(values: Mapping[str, str], marker: str) -> dict[str, str]:
    """Take off the apostrophes that the marker names, if they are still there."""
    named = frozenset(marker.split())
    return {
        key: value[1:] if key in named and value.startswith("'") else value
        for key, value in values.items()
    }
