"""Rows of a file with one JSON object a line."""

import json
import math
from collections.abc import Iterator
from typing import NoReturn

from enrich.domain.values import Json, JsonObject
from enrich.engine.tablefile.source import TextLines
from enrich.errors import BadFileError

__all__ = ["json_records"]


def json_records(lines: TextLines) -> Iterator[tuple[int, JsonObject]]:
    """Give each object with its line; blank lines are left out.

    Raises `BadFileError`: no JSON, no object, and what PostgreSQL could not keep (NUL, half a
    surrogate pair, a number that is not finite).
    """
    for line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite)
            _refuse_unstorable(line, value)
        except (ValueError, RecursionError) as exc:
            problem = f"is not a JSON object that can be stored ({_brief(exc)})"
            raise BadFileError(lines.name, problem, line=lines.number) from exc
        if not isinstance(value, dict):
            raise BadFileError(lines.name, "is not a JSON object", line=lines.number)
        yield lines.number, value


def _refuse_unstorable(line: str, value: Json) -> None:
    if "\\u" not in line:
        return
    whole = json.dumps(value, ensure_ascii=False)
    whole.encode()  # raises on half a surrogate pair
    if "\\u0000" in whole:
        raise ValueError("it holds a NUL character")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _brief(exc: Exception) -> str:
    match exc:
        case RecursionError():
            return "nested too deeply"
        case json.JSONDecodeError():
            return f"{exc.msg}, column {exc.colno}"
        case UnicodeEncodeError():
            return "it holds half a surrogate pair"
        case _:
            return str(exc)
