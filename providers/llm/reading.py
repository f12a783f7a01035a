"""Read what a language model answers: the value with its support, or what else came of it. Pure.

Nothing of what the model writes becomes a reason: it may hold the text of a cell.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from enrich.domain.answer_form import has_form, is_closed
from enrich.domain.framing import source_text
from enrich.domain.outcome import Found, InvalidInput, Malformed, NotFound, Outcome
from enrich.domain.values import Json, JsonObject, Observation, is_blank
from providers.exchange import NotJsonError, parse_json
from providers.llm.evidence import UNSUPPORTED, support_of

__all__ = ["Reading", "Usage", "outcome_of", "usage_of"]

_CONTENT_CHARS_MAX = 20_000
_TOKENS_MAX = 10_000_000
_FENCED = re.compile(r"\s*```(?:json|JSON)?[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)
_LINK = re.compile(r"\w://|\]\(|```|<[a-zA-Z/!]|\bwww\.", re.IGNORECASE)
_OF_ANSWER = frozenset({"value", "quote"})


@dataclass(frozen=True, slots=True)
class Usage:
    """How many tokens a call took."""

    read: int
    written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer is held to: its form, and the sources of its quote by name."""

    field: str
    schema: JsonObject
    may_link: bool = False
    unsupported: float = UNSUPPORTED


def usage_of(document: Json) -> Usage | None:
    """Read how many tokens a reply says it took; None when it does not say so soundly."""
    usage = document.get("usage") if isinstance(document, dict) else None
    if not isinstance(usage, dict):
        return None
    counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    sound = [c for c in counts if type(c) is int and 0 <= c <= _TOKENS_MAX]
    return Usage(*sound) if len(sound) == len(counts) else None


def outcome_of(reading: Reading, document: Json, sources: Mapping[str, Json]) -> Outcome:
    """Say what a reply of status 200 means for its row."""
    choice = _choice(document)
    if choice is None:
        return Malformed("no choice in the answer")
    message = choice.get("message")
    if not isinstance(message, dict):
        return Malformed("no message in the answer")
    if choice.get("finish_reason") == "length":
        return Malformed("cut off at the limit of tokens")
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        return InvalidInput("the model refuses to answer")
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        return Malformed("an empty answer")
    if len(content) > _CONTENT_CHARS_MAX:
        return Malformed("the answer is too long")
    return _judged(reading, content, sources)


def _choice(document: Json) -> "JsonObject | None":
    choices = document.get("choices") if isinstance(document, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def _judged(reading: Reading, content: str, sources: Mapping[str, Json]) -> Outcome:
    fenced = _FENCED.fullmatch(content)
    try:
        said = parse_json((fenced[1] if fenced else content).encode("utf-8", "replace"))
    except NotJsonError:
        return Malformed("the answer is not JSON")
    if not isinstance(said, dict) or not said.keys() <= _OF_ANSWER or "value" not in said:
        return Malformed("the answer is no object of value and quote")
    value, quote = said["value"], said.get("quote")
    if not isinstance(quote, str | None):
        return Malformed("the quote is no text")
    if is_blank(value):
        return NotFound()
    if not has_form(reading.schema, value):
        return Malformed("the value is not of the agreed form")
    if not is_closed(reading.schema) and not _is_plain(value, may_link=reading.may_link):
        return Malformed("the value holds what is no plain text")
    support = support_of(value, quote or "", sources, unsupported=reading.unsupported)
    seen = Observation(value=value, confidence=support.confidence, note=support.note)
    return Found({reading.field: seen})


def _is_plain(value: Json, *, may_link: bool) -> bool:
    """Say whether no text in it holds a link, markup, or signs that no reader sees."""
    match value:
        case str():
            is_seen = source_text(value) == re.sub(r"\s+", " ", value).strip()
            return is_seen and (may_link or not _LINK.search(value))
        case list():
            return all(_is_plain(item, may_link=may_link) for item in value)
        case dict():
            return all(_is_plain(item, may_link=may_link) for item in value.values())
        case _:
            return True
