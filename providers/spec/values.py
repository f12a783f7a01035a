"""From what a provider wrote to a value of a known type, or none, or a word that it is wrong."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from enum import Enum
from math import isfinite
from typing import TypeAlias
from urllib.parse import urlsplit

from enrich.domain.values import Json
from providers.spec.answers import Mapped, ValueType

__all__ = ["Read", "Unusable", "clean", "typed"]


class Unusable(Enum):
    """Why there is no value: the provider gave none, or one that cannot be of the type."""

    NOTHING = "nothing"
    WRONG = "wrong"


#: What reading gives.
Read: TypeAlias = "Json | Unusable"

#: What providers write where they know nothing.
_NO_VALUES = frozenset(
    {
        "", "n/a", "n.a.", "#n/a", "-", "--", "—", "?", "none", "null", "nil", "nan", "undefined",
        "unknown", "not available", "not applicable", "not found", "no data",
    }
)  # fmt: skip
_INVISIBLE = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"[+-]?(\d{1,3}([ ,'’_]\d{3})+|\d+)(\.\d+)?")
_YEAR = re.compile(r"(\d{4})(?!\d)")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?!\d)")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)+{_LABEL}")
_EMAIL = re.compile(r"[^\s@<>\"'(),:;\\\[\]]{1,64}@(?P<host>[^\s@]{1,253})")
_PHONE = re.compile(r"[+(]?[0-9][0-9 ().\-/]{3,30}( ?(x|ext\.?) ?[0-9]{1,6})?", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]{0,63}")
_FLAGS: Mapping[object, bool] = {
    "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False,
}  # fmt: skip
_LARGEST = 1e15
_CHARS_MAX: Mapping[str, int] = {"text": 500, "url": 2000, "list": 200}
_ITEMS_MAX = 50


def typed(raw: Json, mapped: Mapped) -> Read:
    """Read a value as its mapping says; one that is a list of one counts as that one."""
    if isinstance(raw, list) and mapped.type != "list":
        raw = raw[0] if raw else None
    if mapped.values is not None:
        known: Read = mapped.values.get(str(raw), Unusable.NOTHING)
        return known
    if raw is None or (isinstance(raw, str) and _says_nothing(clean(raw))):
        return Unusable.NOTHING
    value = _READERS[mapped.type](raw, _limit(mapped))
    if isinstance(value, int | float) and not isinstance(value, bool):
        too_small = mapped.min is not None and value < mapped.min
        too_large = mapped.max is not None and value > mapped.max
        return Unusable.WRONG if too_small or too_large else value
    return value


def clean(text: str) -> str:
    """Remove what no reader sees: controls, marks of direction, joiners, halves of characters."""
    visible = _SPACES.sub(" ", _INVISIBLE.sub("", text))
    return "".join(c for c in visible if unicodedata.category(c) not in {"Cc", "Cs"}).strip()


def _says_nothing(text: str) -> bool:
    return text.casefold() in _NO_VALUES


def _limit(mapped: Mapped) -> int:
    return mapped.max_chars or _CHARS_MAX.get(mapped.type, 500)


def _text(raw: Json, limit: int) -> Read:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return Unusable.WRONG
    # Cut before it is cleaned: one text may be as long as the whole answer.
    return clean(str(raw)[: 4 * limit])[:limit].rstrip()


def _number(raw: Json, _limit: int) -> Read:
    if isinstance(raw, bool):
        return Unusable.WRONG
    if isinstance(raw, str):
        written = clean(raw[:100]).rstrip("+")
        if not _NUMBER.fullmatch(written):
            return Unusable.WRONG
        raw = float(re.sub(r"[ ,'’_]", "", written))
    if not isinstance(raw, int | float) or not isfinite(raw) or abs(raw) > _LARGEST:
        return Unusable.WRONG
    return int(raw) if float(raw).is_integer() else raw


def _integer(raw: Json, limit: int) -> Read:
    number = _number(raw, limit)
    # What is counted is never negative; who means degrees writes `number`.
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        return Unusable.WRONG
    return number


def _year(raw: Json, _limit: int) -> Read:
    if isinstance(raw, dict):
        raw = raw.get("year")
    written = _YEAR.match(clean(str(raw)[:40])) if isinstance(raw, str | int) else None
    year = int(written[1]) if written else 0
    return year if 1000 <= year <= 2100 else Unusable.WRONG


def _date(raw: Json, _limit: int) -> Read:
    if isinstance(raw, dict):
        raw = "-".join(str(raw.get(part)).zfill(2) for part in ("year", "month", "day"))
    written = _DATE.match(clean(raw[:40])) if isinstance(raw, str) else None
    try:
        return date(*map(int, written.groups())).isoformat() if written else Unusable.WRONG
    except ValueError:
        return Unusable.WRONG


def _url(raw: Json, limit: int) -> Read:
    if not isinstance(raw, str) or len(raw) > limit:
        return Unusable.WRONG
    written = clean(raw)
    written = written if "://" in written else f"https://{written}"
    try:
        parts = urlsplit(written)
        is_sound = parts.scheme in {"http", "https"} and _host(parts.hostname or "") is not None
        is_sound = is_sound and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        return Unusable.WRONG
    return written if is_sound and " " not in written and "\\" not in written else Unusable.WRONG


def _domain(raw: Json, _limit: int) -> Read:
    if not isinstance(raw, str) or len(raw) > 2000:
        return Unusable.WRONG
    written = clean(raw)
    try:
        host = urlsplit(written if "//" in written else f"//{written}").hostname or ""
    except ValueError:
        return Unusable.WRONG
    return _host(host.removeprefix("www.")) or Unusable.WRONG


def _email(raw: Json, _limit: int) -> Read:
    if not isinstance(raw, str) or len(raw) > 320:
        return Unusable.WRONG
    written = clean(raw).removeprefix("mailto:")
    parts = _EMAIL.fullmatch(written)
    return written.lower() if parts and _host(parts["host"]) else Unusable.WRONG


def _phone(raw: Json, _limit: int) -> Read:
    written = clean(str(raw)[:60]) if isinstance(raw, str | int) else ""
    digits = sum(c.isdigit() for c in written)
    return written if _PHONE.fullmatch(written) and 5 <= digits <= 20 else Unusable.WRONG


def _flag(raw: Json, _limit: int) -> Read:
    if isinstance(raw, bool):
        return raw
    known = isinstance(raw, str | int) and _FLAGS.get(str(raw).strip().lower())
    return known if isinstance(known, bool) and str(raw).lower() in _FLAGS else Unusable.WRONG


def _code(raw: Json, _limit: int) -> Read:
    written = clean(str(raw)[:100]) if isinstance(raw, str | int) else ""
    return written if not isinstance(raw, bool) and _CODE.fullmatch(written) else Unusable.WRONG


def _country_code(raw: Json, _limit: int) -> Read:
    written = clean(raw[:20]) if isinstance(raw, str) else ""
    sound = len(written) == 2 and written.isascii() and written.isalpha()
    return written.upper() if sound else Unusable.WRONG


def _list(raw: Json, limit: int) -> Read:
    items = (
        raw if isinstance(raw, list) else re.split(r"[;,|]", raw) if isinstance(raw, str) else []
    )
    texts = [_text(item, limit) for item in items[:1000]]
    kept = [text for text in texts if isinstance(text, str) and not _says_nothing(text)]
    if not kept:
        return Unusable.WRONG if items and Unusable.WRONG in texts else Unusable.NOTHING
    distinct: list[Json] = [*dict.fromkeys(kept)]
    return distinct[:_ITEMS_MAX]


_READERS: Mapping[ValueType, Callable[[Json, int], Read]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "year": _year,
    "date": _date,
    "url": _url,
    "domain": _domain,
    "email": _email,
    "phone": _phone,
    "flag": _flag,
    "list": _list,
    "country_code": _country_code,
    "code": _code,
}


def _host(written: str) -> str | None:
    """Give a host in its ASCII form; None when it is none, or has no dot."""
    try:
        host = written.rstrip(".").lower().encode("idna").decode() if written else ""
    except UnicodeError:
        return None
    return host if _DOMAIN.fullmatch(host) else None
