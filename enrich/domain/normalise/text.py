"""Text: the form that any value has when nothing is known of its type, and folding to words."""

import html
import json
import re
import unicodedata

from enrich.domain.keys import folded
from enrich.domain.values import Json

__all__ = ["canonical", "fold", "in_one_line", "is_placeholder", "tidy", "unescaped"]

_END_SIGNS = " .,;:!'\"()[]"
#: How an address of the web is written says nothing about where it leads.
_ADDRESS = re.compile(r"^https?://(www\.)?|(?<=^)www\.(?=[^/]+\.)|(?<=[^/])/$")
#: Only texts that are surely numbers: a leading zero makes an identifier of it.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?")
#: Written where a value is missing. «NA» is left out: it is Namibia, and a surname.
_PLACEHOLDERS = frozenset({
    "null", "none", "nil", "nan", "nat", "n/a", "n.a.", "n.a", "#n/a", "unknown", "undefined",
    "not available", "not applicable", "not provided", "not specified", "not known", "no data",
    "missing", "tbd", "tba", "(null)", "(none)", "(blank)", "<na>", "\\n",
})  # fmt: skip
_SAYS_SOMETHING = re.compile(r"[\w$€£¥₹]")
_NOT_WORD = re.compile(r"[\W_]+")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});|&nbsp", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_BREAKS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
#: Line breaks, with the signs that part things anyway.
_LINES = re.compile(rf"[\s,;]*[{_BREAKS}][\s,;]*")
_SIDES = re.compile(r"\A[\s\x00-\x1f\x7f-\x9f]+|[\s\x00-\x1f\x7f-\x9f]+\Z")
_CONTROLS = re.compile(rf"[\x00-\x1f\x7f-\x9f{_BREAKS}]+")
#: Letters that no decomposition turns into plain ones.
_PLAIN = str.maketrans(
    {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe",
     "ı": "i", "ħ": "h", "ŋ": "n", "’": "'", "‘": "'", "`": "'", "´": "'"}
)  # fmt: skip


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
    text = str(folded(value)).strip(_END_SIGNS)
    if "/" in text or text.startswith("www."):
        text = _ADDRESS.sub("", text)
    return _number(float(text)) if _NUMBER.fullmatch(text) else text


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def is_placeholder(text: str) -> bool:
    """Say whether a text stands for no value: blank, signs only, or «n/a» and the like."""
    if len(text) > 16:
        return False
    return text.casefold() in _PLACEHOLDERS or not _SAYS_SOMETHING.search(text)


def unescaped(text: str) -> str:
    """Give a text with the characters that its HTML entities stand for."""
    while (plain := _ENTITY.sub(lambda found: html.unescape(found[0]), text)) != text:
        text = plain
    return text


def in_one_line(text: str, between: str = " ") -> str:
    """Give a text without control characters: a blank for each, `between` for line breaks."""
    if text.isprintable():
        return text.strip()
    bare = _SIDES.sub("", text)
    return _CONTROLS.sub(" ", bare if between == " " else _LINES.sub(between, bare))


def tidy(text: str) -> str:
    """Give a text as it is to be written: composed letters, single spaces."""
    if text.isascii() and "  " not in text and text.isprintable():
        return text.strip()
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def fold(text: str) -> str:
    """Fold to lower-case words without accents: for comparing only, never to be shown.

    Letters of other scripts than Latin stay. A text without letters or digits stays as it is.
    """
    plain = text.lower() if text.isascii() else _unaccented(text)
    return " ".join(_NOT_WORD.sub(" ", plain.replace("'", "")).split()) or plain.strip()


def _unaccented(text: str) -> str:
    # Twice: «㎩» has capitals only once it is taken apart.
    decomposed = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_PLAIN)
    bare = "".join([c for c in decomposed if not unicodedata.combining(c)])
    # Kana and Hangul lose nothing by being put together again.
    return unicodedata.normalize("NFC", bare)
