"""Which type a field outside the vocabulary has, judged from its values alone."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice

from enrich.domain.fields import FieldType
from enrich.domain.normalise.model import Context, Normaliser
from enrich.domain.normalise.registry import ANYWHERE, normaliser_of
from enrich.domain.normalise.text import is_placeholder
from enrich.domain.values import Json

__all__ = ["inferred_context", "inferred_normaliser", "inferred_type"]

#: So many values are looked at, and so large a share of them must fit.
_LOOKED_AT, _SHARE = 200, 0.9
_FEWEST = 3
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,24}", re.IGNORECASE)
_PHONE = re.compile(r"(?=(?:\D*\d){7,15}\D*$)(?:\+|00|\().*|\d{3}[-. ]\d{3}[-. ]\d{4}")
_DATE = re.compile(r".*(?:\d{4}-\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}:\d\d|[^\W\d_]{3}).*")
_MONEY = re.compile(r".*(?:[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD)\b).*")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_CODE = re.compile(r"0\d*|(?=\D*\d)(?=[^A-Z]*[A-Z])[A-Z0-9]+")
_NUMERIC = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-]\d{2,4}")

_Fits = Callable[[str], object]


def _readable(kind: FieldType) -> _Fits:
    return lambda text: not normaliser_of(kind, Context(day_first=True)).normalise(text).problem


def _both(*tests: _Fits) -> _Fits:
    return lambda text: all(test(text) for test in tests)


#: Tried in this order; what none of them fits is text.
_TESTS: Sequence[tuple[FieldType, _Fits]] = (
    (FieldType.EMAIL, _EMAIL.fullmatch),
    (FieldType.URL, _URL.fullmatch),
    (FieldType.DOMAIN, _both(_HOST.fullmatch, _readable(FieldType.DOMAIN))),
    (FieldType.PHONE, _both(_PHONE.fullmatch, lambda text: not _DATE.fullmatch(text))),
    (FieldType.YEAR, _YEAR.fullmatch),
    (FieldType.CODE, _CODE.fullmatch),
    (FieldType.MONEY, _both(_MONEY.fullmatch, _readable(FieldType.MONEY))),
    (FieldType.NUMBER, _readable(FieldType.NUMBER)),
    (FieldType.DATE, _both(_DATE.fullmatch, _readable(FieldType.DATE))),
    (FieldType.COUNTRY, _readable(FieldType.COUNTRY)),
)


def inferred_type(values: Iterable[Json]) -> FieldType:
    """Say which type nine in ten of the values have; text when none, or when they are too few."""
    known = list(islice((v for v in values if not _says_nothing(v)), _LOOKED_AT))
    if len(known) < _FEWEST:
        return FieldType.TEXT
    if _most(isinstance(value, bool) for value in known):
        return FieldType.FLAG
    if _most(isinstance(value, list) for value in known):
        return FieldType.LIST
    texts = [str(value).strip() for value in known if not isinstance(value, list | dict | bool)]
    if len(texts) < _SHARE * len(known):
        return FieldType.TEXT
    return next((kind for kind, fits in _TESTS if _most(map(fits, texts))), FieldType.TEXT)


def inferred_context(values: Iterable[Json], context: Context = ANYWHERE) -> Context:
    """Say in which order dates of this field write day and month, where one of them tells.

    What `context` already knows stays; a field whose dates contradict each other tells nothing.
    """
    if context.day_first is not None:
        return context
    found = [match for value in values if isinstance(value, str)
             for match in _NUMERIC.finditer(value)]  # fmt: skip
    day_first = any(int(match[1]) > 12 for match in found)
    month_first = any(int(match[2]) > 12 for match in found)
    if day_first == month_first:
        return context
    return replace(context, day_first=day_first)


def inferred_normaliser(values: Iterable[Json], context: Context = ANYWHERE) -> Normaliser:
    """Give the normaliser for a field outside the vocabulary with these values."""
    seen = list(islice(values, 10 * _LOOKED_AT))
    return normaliser_of(inferred_type(seen), inferred_context(seen, context))


def _says_nothing(value: Json) -> bool:
    return value in (None, [], {}) or (isinstance(value, str) and is_placeholder(value.strip()))


def _most(hits: Iterable[object]) -> bool:
    counted = [bool(hit) for hit in hits]
    return sum(counted) >= _SHARE * len(counted)
