"""The form of an answer: a JSON Schema by a name or a person's own, and whether a value has it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from enrich.domain.values import Json, JsonObject
from enrich.errors import BadInputError

__all__ = ["ANSWERS", "SCHEMA_CHARS_MAX", "checked_schema", "has_form", "is_closed", "schema_of"]

SCHEMA_CHARS_MAX = 8_000
_CHOICES_MAX = 200
_TEXT: JsonObject = {"type": "string", "minLength": 1, "maxLength": 500}
_WEB = '^https?://[^\\s<>"]+$'

#: The forms that have a name.
ANSWERS: Mapping[str, JsonObject] = {
    "text": _TEXT,
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "url": {"type": "string", "maxLength": 2000, "pattern": _WEB},
    "list": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 50},
}


def schema_of(answer: str = "text", choices: Sequence[str] = ()) -> str:
    """Give the schema of a form by its name, or of one of a few choices.

    Raises:
        BadInputError: there is no such form, or the choices are none.
    """
    if choices:
        if len(set(choices)) < len(choices) or len(choices) > _CHOICES_MAX or not all(choices):
            raise BadInputError("choices", f"must be 1 to {_CHOICES_MAX} different texts")
        return json.dumps({"type": "string", "enum": [*choices]}, ensure_ascii=False)
    if answer not in ANSWERS:
        raise BadInputError("answer", f"{answer!r} is none of {', '.join(ANSWERS)}")
    return json.dumps(ANSWERS[answer])


def checked_schema(text: str) -> str:
    """Give a person's own schema in its shortest spelling.

    Raises:
        BadInputError: it is no JSON Schema, or refers to something outside of itself.
    """
    from jsonschema import Draft202012Validator, SchemaError

    if len(text) > SCHEMA_CHARS_MAX:
        raise BadInputError("schema", f"must have at most {SCHEMA_CHARS_MAX} characters")
    try:
        schema: Any = json.loads(text)
        Draft202012Validator.check_schema(schema)
    except (ValueError, RecursionError):
        raise BadInputError("schema", "is not JSON") from None
    except SchemaError as exc:
        where = ".".join(str(step) for step in exc.path)
        raise BadInputError("schema", f"is no JSON Schema (at {where or 'its top'})") from None
    if not isinstance(schema, dict):
        raise BadInputError("schema", "must be an object")
    if any(word in text for word in ('"$ref"', '"$dynamicRef"', '"$id"')):
        raise BadInputError("schema", "must not refer to other schemas", hint="write them out")
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def has_form(schema: Mapping[str, Json], value: Json) -> bool:
    """Say whether a value has the form; nothing outside of the schema is ever looked up."""
    # A tenth of a second, which only those pay who ask a language model.
    from jsonschema import Draft202012Validator
    from referencing import Registry

    return bool(Draft202012Validator(dict(schema), registry=Registry()).is_valid(value))


def is_closed(schema: Mapping[str, Json]) -> bool:
    """Say whether the value is one of a few that are known beforehand."""
    return "enum" in schema or "const" in schema or schema.get("type") == "boolean"
