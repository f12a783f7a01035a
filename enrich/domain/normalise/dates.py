"""Dates with their precision, from a century's decade to the second; no missing part is filled in.

Read by hand, because the packages for it fill what is missing from today («1988» becomes a day) and
guess the order of day and month. A time is the clock's where it happened, as written: a zone is
read over, for few sources name theirs.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache, lru_cache

from enrich.domain.normalise.model import (
    DIFFERENT,
    Context,
    Form,
    Likeness,
    Normalised,
    Relation,
    Unreadable,
    alike,
)
from enrich.domain.normalise.text import fold

__all__ = ["compare_dates", "date_reader"]

_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "pl")
_ISO = re.compile(
    r"(?P<day>\d{4}(?:-\d\d(?:-\d\d)?)?|--\d\d-\d\d)"
    r"(?:[T ]+(?P<time>(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)"
    r"(?:\.\d+)?(?:Z|\s*[-+]\d\d:?\d\d)?)?"
)
_TIME = re.compile(
    r"T?(?<!\d)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
    r"\s*(?P<half>[apAP](?:\.?[mM]\.?)?(?![a-z]))?"
)
_QUARTER = re.compile(r"(?:q([1-4])\s*[-/]?\s*(\d{4})|(\d{4})\s*[-/]?\s*q([1-4]))", re.IGNORECASE)
_DECADE = re.compile(r"(?:the\s+)?(\d{3})0'?s", re.IGNORECASE)
_COMPACT = re.compile(r"((?:1[5-9]|20)\d\d)(0\d|1[0-2])([0-2]\d|3[01])")
_ZONE = re.compile(r"\b(?:utc|gmt|[ecmp][sd]t|cest|cet|bst)\b|\bZ\b|(?<=\s)[-+]\d\d:?\d\d", re.I)
_BRACKETS = re.compile(r"\([^)]*\)")
_PART = re.compile(r"\d+|[^\W\d_]+")
_NUMERIC = re.compile(r"(\d{1,4})\s*([./-])\s*(\d{1,2})\s*\2\s*(\d{1,4})\.?")
_FILLERS = frozenset({
    "th", "st", "nd", "rd", "the", "of", "de", "del", "at", "on", "um", "den", "le", "er", "c",
    "ca", "noon", "circa", "about"
})  # fmt: skip
#: Two times this near are one event told twice, as at an airport.
_MINUTES = 10
_PIVOT = 70


@cache
def _words() -> tuple[Mapping[str, int], frozenset[str]]:
    """Give the months' names in several languages, and the days', which say nothing new."""
    from babel import Locale

    months: dict[str, int] = {"sept": 9}
    days: set[str] = {"thur", "thurs", "tues", "weds"}
    for language in _LANGUAGES:
        locale = Locale(language)
        for width in ("wide", "abbreviated"):
            for forms in (locale.months["format"], locale.months["stand-alone"]):
                for number, name in forms[width].items():
                    months.setdefault(fold(str(name)), int(number))
            days |= {fold(str(name)) for name in locale.days["format"][width].values()}
    # «Mar» is a Tuesday in France and a month in most places; «dom» and the like stay days.
    return months, frozenset(days - months.keys())


def date_reader(context: Context) -> Callable[[str], Form | Unreadable]:
    """Make the reader of dates and times."""

    def read(text: str) -> Form | Unreadable:
        iso = _ISO.fullmatch(text)
        if iso:
            return _form(iso["day"], _clock_of_iso(iso["time"] or ""), context)
        if quarter := _QUARTER.fullmatch(text):
            year, number = quarter[2] or quarter[3], quarter[1] or quarter[4]
            return Form(f"{year}-Q{number}", f"{year}-Q{number}")
        if decade := _DECADE.fullmatch(text):
            return Form(f"{decade[1]}0s", f"{decade[1]}0s")
        return _read_parts(text, context)

    return read


def _clock_of_iso(text: str) -> str:
    # Midnight to the second is how a day is written by those who only have a field for moments.
    if text == "00:00:00":
        return ""
    return text.removesuffix(":00") if len(text) == 8 else text


def _read_parts(text: str, context: Context) -> Form | Unreadable:
    bare = _BRACKETS.sub(" ", text) if "(" in text else text
    time = _TIME.search(bare)
    clock = _clock(time) if time else ""
    bare = f"{bare[: time.start()]} {bare[time.end() :]}" if time else bare
    bare = _ZONE.sub(" ", bare) if time else bare
    day = _day(bare.strip(" ,-"), context)
    return day if isinstance(day, Unreadable) else _form(day, clock, context)


def _clock(time: re.Match[str]) -> str | None:
    hours, minutes, seconds, half = time.groups(default="")
    hour, minute, second = int(hours), int(minutes), int(seconds or 0)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


@lru_cache(maxsize=16_384)
def _day(text: str, context: Context) -> str | Unreadable:
    if not text:
        return Unreadable("names no day")
    if compact := _COMPACT.fullmatch(text):
        return "-".join(compact.groups())
    months, days = _words()
    parts = _PART.findall(text)
    words = [fold(part) for part in parts if not part.isdigit()]
    named = [months[word] for word in words if word in months]
    unknown = [w for w in words if w not in months and w not in days and w not in _FILLERS]
    numbers = [part for part in parts if part.isdigit()]
    if unknown or len(named) > 1:
        return Unreadable("is no date")
    if named:
        return _with_month(named[0], numbers, context)
    numeric = _NUMERIC.search(text)
    if numeric and len(numbers) == 3:
        return _numeric(numeric, context)
    return numbers[0] if len(numbers) == 1 and len(numbers[0]) == 4 else Unreadable("is no date")


def _with_month(month: int, numbers: list[str], context: Context) -> str | Unreadable:
    years = [n for n in numbers if len(n) == 4]
    rest = [n for n in numbers if len(n) < 4]
    if not years and len(rest) == 2:
        years, rest = [_full_year(rest[-1])], rest[:-1]
    if len(years) > 1 or len(rest) > 1 or not (years or rest):
        return Unreadable("is no date")
    year = years[0] if years else str(context.year or "-")
    if not rest:
        return f"{year}-{month:02}"
    return f"{year}-{month:02}-{int(rest[0]):02}"


def _numeric(found: re.Match[str], context: Context) -> str | Unreadable:
    one, sign, two, three = found.groups()
    if len(one) == 4:
        return f"{one}-{int(two):02}-{int(three):02}"
    if len(one) > 2 or len(three) not in (2, 4):
        return Unreadable("is no date")
    first, second = int(one), int(two)
    day_first = context.day_first
    if first > 12 or second > 12 or first == second:
        day_first = first > 12
    elif sign == ".":
        day_first = True
    if day_first is None:
        return Unreadable("could be two dates: day and month may be swapped")
    day, month = (first, second) if day_first else (second, first)
    return f"{_full_year(three)}-{month:02}-{day:02}"


def _full_year(digits: str) -> str:
    if len(digits) == 4:
        return digits
    return f"{'19' if int(digits) >= _PIVOT else '20'}{int(digits):02}"


def _form(day: str, clock: str | None, context: Context) -> Form | Unreadable:
    if clock is None:
        return Unreadable("holds no time of day")
    if day.startswith("--") and context.year:
        day = f"{context.year}{day[1:]}"
    if not _exists(day):
        return Unreadable("is no day of the calendar")
    whole = f"{day}T{clock}" if clock else day
    return Form(whole, whole)


@lru_cache(maxsize=16_384)
def _exists(day: str) -> bool:
    # A leap year stands in where the year is not known.
    known = day.replace("--", "2000-", 1) if day.startswith("--") else day
    try:
        date.fromisoformat(known + "-01-01"[len(known) - 4 :])
    except ValueError:
        return False
    return True


def compare_dates(first: Normalised, second: Normalised) -> Likeness:
    """Compare dates: a day is within its month, two times are near within ten minutes."""
    one, other = first.canonical, second.canonical
    if _within(one, other):
        return Likeness(Relation.FIRST_WITHIN_SECOND, 0.9)
    if _within(other, one):
        return Likeness(Relation.SECOND_WITHIN_FIRST, 0.9)
    a, b = _moment(one), _moment(other)
    if a is None or b is None or ("T" in one) != ("T" in other):
        return DIFFERENT
    apart = abs((a - b).total_seconds()) / 60 / (1 if "T" in one else 24 * 60)
    # Days are near when they follow each other.
    return alike(max(0.0, 1.0 - apart / (10 * _MINUTES)), near=0.9 if "T" in one else 0.99)


def _within(inner: str, outer: str) -> bool:
    if outer.endswith("0s"):
        return inner.startswith(outer[:3]) and inner[:4].isdigit()
    if "-Q" in outer:
        month = re.match(r"(\d{4})-(\d\d)", inner)
        return month is not None and f"{month[1]}-Q{(int(month[2]) + 2) // 3}" == outer
    if outer.startswith("--") and inner[:4].isdigit():
        inner = f"-{inner[4:]}"
    return inner.startswith(outer)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("--", "2000-", 1))
    except ValueError:
        return None
