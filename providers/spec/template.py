"""Templates: text with holes for a row's inputs, each value escaped for the place it stands in.

A hole is `{field}`, or `{field|lower|sha256}` with filters; `{{` and `}}` are braces. A template
whose hole has no value renders to None, and what it would have filled is left out.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from enrich.domain.values import Json, is_blank

__all__ = [
    "FILTERS",
    "BadValueError",
    "Hole",
    "JsonTemplate",
    "Template",
    "compile_json",
    "in_header",
    "in_path",
    "names_of",
    "plain",
    "render_json",
    "text_of",
]

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_HOLE = re.compile(r"\$?[a-z_][a-z0-9_]*(\|[a-z0-9_]+)*")
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_INPUT_CHARS_MAX = 2_000
_DOT_SEGMENTS = frozenset({".", ".."})


class BadValueError(ValueError):
    """A row's input cannot stand where it should; says which and why, never the value."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")


def _host(text: str) -> str:
    host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    return host.removeprefix("www.")


#: What may be done to a value before it is sent.
FILTERS: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "digits": lambda text: "".join(c for c in text if c.isdecimal() and c.isascii()),
    "host": _host,
    "pad10": lambda text: text.zfill(10),
    "md5": lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    "sha256": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "first_word": lambda text: text.split(maxsplit=1)[0] if text.strip() else "",
    "last_word": lambda text: text.split()[-1] if text.strip() else "",
}


@dataclass(frozen=True, slots=True)
class Hole:
    """A place for an input, and what is done to its value."""

    name: str
    filters: tuple[str, ...] = ()

    def fill(self, values: Mapping[str, Json]) -> str:
        """Give the value as one line of text; empty when there is none."""
        text = text_of(self.name, values.get(self.name))
        try:
            for name in self.filters:
                text = FILTERS[name](text) if text else ""
        except ValueError:
            raise BadValueError(self.name, "has not the form that is asked for") from None
        return text


@dataclass(frozen=True, slots=True)
class Template:
    """Text and holes, in their order."""

    source: str
    parts: tuple[str | Hole, ...]

    @classmethod
    def parse(cls, source: str) -> "Template":
        """Read a template.

        Raises:
            ValueError: a brace stands alone, or a filter is unknown; says the way out.
        """
        parts: list[str | Hole] = []
        end = 0
        for piece in _PIECE.finditer(source):
            parts += [source[end : piece.start()], _piece(piece)]
            end = piece.end()
        parts.append(source[end:])
        return cls(source, tuple(part for part in parts if part))

    @property
    def names(self) -> frozenset[str]:
        """The inputs that it needs."""
        return frozenset(part.name for part in self.parts if isinstance(part, Hole))

    @property
    def lone_hole(self) -> str | None:
        """The input that it is and nothing else, so that a number may stay a number."""
        match self.parts:
            case (Hole(name=name, filters=()),):
                return name
            case _:
                return None

    def render(self, values: Mapping[str, Json], escape: Callable[[str, str], str]) -> str | None:
        """Fill the holes, each value through `escape(name, text)`; None when one has no value.

        Raises:
            BadValueError: a value cannot stand in its place.
        """
        out = []
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
            elif text := part.fill(values):
                out.append(escape(part.name, text))
            else:
                return None
        return "".join(out)


def _piece(piece: re.Match[str]) -> str | Hole:
    if piece[0] in {"{{", "}}"}:
        return piece[0][0]
    inner = piece[1]
    if inner is None:
        raise ValueError("a brace stands alone; write {{ or }} for a brace, {field} for an input")
    if not _HOLE.fullmatch(inner):
        raise ValueError(f"{{{inner}}} is no hole; write {{field}} or {{field|filter}}")
    name, *filters = inner.split("|")
    for each in filters:
        if each not in FILTERS:
            raise ValueError(f"there is no filter {each!r}; known: {', '.join(sorted(FILTERS))}")
    return Hole(name, tuple(filters))


def text_of(name: str, value: Json) -> str:
    """Give a value as one line of text without control characters; empty when it is blank.

    Raises:
        BadValueError: it is an object, too long, or no text that can be sent.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return ",".join(text_of(name, item) for item in value)
        case dict():
            raise BadValueError(name, "is an object, and text is needed")
        case _ if is_blank(value):
            return ""
    text = _UNSEEN.sub(" ", str(value)).strip()
    if len(text) > _INPUT_CHARS_MAX:
        raise BadValueError(name, "is too long")
    if any(unicodedata.category(c) == "Cs" for c in text):
        raise BadValueError(name, "is not valid text")
    return text


def plain(_name: str, text: str) -> str:
    """Leave a value as it is: what encodes the whole escapes it (query, form, JSON)."""
    return text


def in_path(name: str, text: str) -> str:
    """Escape for one segment of a path: nothing in it can begin another, or a query."""
    if text in _DOT_SEGMENTS:
        raise BadValueError(name, "cannot stand in a path")
    return quote(text, safe="")


def in_header(name: str, text: str) -> str:
    """Let only visible ASCII into a header."""
    if not (text.isascii() and text.isprintable()):
        raise BadValueError(name, "cannot stand in a header")
    return text


JsonTemplate: TypeAlias = (
    "Template | int | float | bool | list[JsonTemplate] | dict[str, JsonTemplate] | None"
)


def compile_json(raw: Json) -> JsonTemplate:
    """Make every text within a JSON value a template.

    Raises:
        ValueError: one of them is none.
    """
    match raw:
        case str():
            return Template.parse(raw)
        case list():
            return [compile_json(item) for item in raw]
        case dict():
            return {key: compile_json(item) for key, item in raw.items()}
        case _:
            return raw


def names_of(template: JsonTemplate) -> frozenset[str]:
    """Give the inputs that a JSON template mentions."""
    match template:
        case Template():
            return template.names
        case list():
            return frozenset().union(*(names_of(item) for item in template))
        case dict():
            return frozenset().union(*(names_of(item) for item in template.values()))
        case _:
            return frozenset()


def render_json(template: JsonTemplate, values: Mapping[str, Json]) -> Json:
    """Fill a JSON template; what has no value is left out, and so is what becomes empty by that."""
    match template:
        case Template():
            name = template.lone_hole
            value = values.get(name) if name else None
            if isinstance(value, int | float):
                return value
            return template.render(values, plain)
        case list():
            filled = [render_json(item, values) for item in template]
            return [item for item in filled if item is not None] or None if template else []
        case dict():
            pairs = {key: render_json(item, values) for key, item in template.items()}
            return {k: v for k, v in pairs.items() if v is not None} or None if template else {}
        case _:
            return template
