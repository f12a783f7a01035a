"""The small types of a provider's file: paths into replies, moments, statuses, names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from enrich.domain.fields import FIELDS
from enrich.domain.outcome import OutcomeKind
from enrich.domain.values import Json
from providers.spec.functions import OPTIONS, unknown_functions
from providers.spec.template import JsonTemplate, Template, compile_json

__all__ = [
    "AnyJson",
    "Expression",
    "FieldName",
    "HeaderTemplates",
    "Jmes",
    "JsonBody",
    "Kind",
    "Moment",
    "Name",
    "Part",
    "Question",
    "Statuses",
    "Templates",
    "Text",
    "TextTemplate",
]

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_STATUS_CLASS = re.compile(r"[1-9]xx")
#: Set by the client, or able to change where and as what a request goes.
_RESERVED_HEADERS = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection", "cookie", "user-agent",
        "accept-encoding", "authorization", "proxy-authorization", "expect", "upgrade",
    }
)  # fmt: skip


class Part(BaseModel):
    """A frozen piece of a file that knows all of its keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled JMESPath expression."""

    source: str
    _parsed: Any

    def of(self, document: Json) -> Json:
        """Give what it finds; None when nothing, or when a function gets the wrong type."""
        try:
            found: Json = self._parsed.search(document, options=OPTIONS)
        except (JMESPathError, TypeError, ValueError, ArithmeticError, AttributeError):
            # The document is the provider's: what does not fit is not there.
            return None
        return found

    def holds(self, document: Json) -> bool:
        """Say whether what it finds counts as true in JMESPath: not false, null or empty."""
        return self.of(document) not in (None, False, "", [], {})

    @classmethod
    def parse(cls, source: object) -> "Expression":
        """Compile; raises `ValueError` with the place of the fault."""
        if not isinstance(source, str) or not source.strip():
            raise ValueError("a JMESPath expression is needed, such as data.name")
        try:
            parsed = jmespath.compile(source)
        except JMESPathError as exc:
            first = str(exc).splitlines()[0].removesuffix(":").removesuffix(", for expression")
            why = first.rpartition("jmespath expression: ")[2]
            raise ValueError(f"{source!r} is no JMESPath expression: {why}") from None
        for name in unknown_functions(parsed.parsed):
            raise ValueError(f"{source!r} calls {name}(), which there is not")
        return cls(source, parsed)


def _template(value: object) -> Template:
    if not isinstance(value, str):
        raise ValueError("text is needed; write numbers in quotes")  # noqa: TRY004 - pydantic's way
    return Template.parse(value)


def _templates(value: object) -> Mapping[str, Template]:
    if not isinstance(value, dict):
        raise ValueError("a table of name = text is needed")  # noqa: TRY004 - pydantic's way
    return {str(name): _template(item) for name, item in value.items()}


def _headers(value: object) -> Mapping[str, Template]:
    templates = _templates(value)
    for name in templates:
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        if name.lower() in _RESERVED_HEADERS:
            raise ValueError(f"{name} is set by the client; a key belongs under [auth]")
    return templates


def _json_body(value: object) -> JsonTemplate:
    if not isinstance(value, dict | list):
        raise ValueError("a table or a list is needed")  # noqa: TRY004 - pydantic's way
    return compile_json(value)


def _question(value: object) -> JsonTemplate:
    return _template(value) if isinstance(value, str) else _json_body(value)


def _statuses(value: object) -> tuple[int | str, ...]:
    listed = value if isinstance(value, list | tuple) else [value]
    for each in listed:
        is_code = isinstance(each, int) and not isinstance(each, bool) and 100 <= each <= 999
        if not is_code and not (isinstance(each, str) and _STATUS_CLASS.fullmatch(each)):
            raise ValueError(f"{each!r} is no status; write 404, '5xx' or a list of such")
    return tuple(listed)


def _kind(kind: OutcomeKind) -> OutcomeKind:
    if kind is OutcomeKind.SKIPPED:
        raise ValueError("'skipped' means that we did not ask; a reply cannot say so")
    return kind


def _field(value: str) -> str:
    if value not in FIELDS:
        near = get_close_matches(value, FIELDS, n=1) or _of_near_meaning(value)
        others = "`enrich providers fields` lists all"
        hint = f"did you mean {' or '.join(map(repr, near))}? {others}" if near else others
        raise ValueError(f"there is no field {value!r} in the vocabulary; {hint}")
    return value


def _of_near_meaning(value: str) -> list[str]:
    """Name the fields whose meaning has most words of a name that is none, three at most."""
    words = {word for word in value.lower().split("_") if len(word) > 2}
    shared = {
        field.name: len(words & _words_of(f"{field.name} {field.meaning}"))
        for field in FIELDS.values()
    }
    best = max(shared.values())
    return [name for name, common in shared.items() if common == best][:3] if best else []


def _words_of(text: str) -> set[str]:
    words = set(re.findall("[a-z]+", text.lower()))
    return words | {word.removesuffix("s") for word in words} | {f"{word}s" for word in words}


_TEXT_SCHEMA = {"type": "string", "description": "a template: {field} or {field|filter}"}
_TABLE_SCHEMA = {"type": "object", "additionalProperties": _TEXT_SCHEMA}
_STATUS_SCHEMA = {
    "anyOf": [
        {"type": "integer"},
        {"type": "string"},
        {"type": "array", "items": {"type": ["integer", "string"]}},
    ]
}

Jmes = Annotated[
    Expression,
    PlainValidator(Expression.parse),
    WithJsonSchema({"type": "string", "description": "a JMESPath expression"}),
]
TextTemplate = Annotated[Template, PlainValidator(_template), WithJsonSchema(_TEXT_SCHEMA)]
Templates = Annotated[
    Mapping[str, Template], PlainValidator(_templates), WithJsonSchema(_TABLE_SCHEMA)
]
HeaderTemplates = Annotated[
    Mapping[str, Template], PlainValidator(_headers), WithJsonSchema(_TABLE_SCHEMA)
]
JsonBody = Annotated[Any, PlainValidator(_json_body), WithJsonSchema({"type": ["object", "array"]})]
#: One row's question among many: an entry of a list, or a text that is joined to others.
Question = Annotated[
    Any, PlainValidator(_question), WithJsonSchema({"type": ["object", "array", "string"]})
]
Statuses = Annotated[
    tuple[int | str, ...], PlainValidator(_statuses), WithJsonSchema(_STATUS_SCHEMA)
]
#: Any JSON value; the alias of the domain is recursive in a way that pydantic cannot follow.
AnyJson = Annotated[Any, PlainValidator(lambda value: value), WithJsonSchema({})]
FieldName = Annotated[str, BeforeValidator(_field)]
#: What a reply may mean.
Kind = Annotated[OutcomeKind, AfterValidator(_kind)]
#: No two underscores in a row: they part a credential from its tenant.
Name = Annotated[str, Field(max_length=63, pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
Text = Annotated[str, Field(max_length=1000)]


class Moment(Part):
    """Where a reply says when to come back: in a header or the body, or by the calendar.

    `path` reads a header that holds JSON. Forms: `retry_after` is seconds or an HTTP date.
    """

    header: Annotated[str, Field(pattern=_HEADER.pattern)] | None = None
    body: Jmes | None = None
    path: Jmes | None = None
    calendar: Literal["day", "month"] | None = None
    form: Literal["retry_after", "seconds", "milliseconds", "epoch_s", "epoch_ms", "iso"] = (
        "retry_after"
    )
