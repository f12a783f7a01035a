"""What JMESPath in a provider's file can do beside the standard's own functions."""

from collections.abc import Iterator
from typing import Any

import jmespath
from jmespath.functions import Functions, signature

from enrich.domain.values import Json
from providers.exchange import NotJsonError, parse_json

__all__ = ["OPTIONS", "unknown_functions"]


class _Functions(Functions):
    @signature({"types": ["string", "null"]})
    def _func_from_json(self, text: str | None) -> Json:
        """Read a text that holds JSON; null when it holds none, or more than we read."""
        try:
            return parse_json(text.encode()) if text else None
        except (NotJsonError, UnicodeEncodeError):
            return None

    @signature({"types": ["string", "null"]}, {"types": ["number"]}, {"types": ["number"]})
    def _func_slice(self, text: str | None, start: int, end: int) -> Json:
        """Give the letters of a text from one place to before another; both count from 0."""
        return text[int(start) : int(end)] if text else None


OPTIONS = jmespath.Options(custom_functions=_Functions())


def unknown_functions(node: Any) -> Iterator[str]:
    """Name the functions of a parsed expression that there are not: they would find nothing."""
    if node["type"] == "function_expression" and node["value"] not in _Functions.FUNCTION_TABLE:
        yield node["value"]
    for child in node["children"]:
        yield from unknown_functions(child) if isinstance(child, dict) else ()
