"""Readers for text, names, categories, codes, identifiers and flags."""

import re

from enrich.domain.normalise.model import (
    DIFFERENT,
    Form,
    Likeness,
    Normalised,
    Relation,
    Unreadable,
    alike,
)
from enrich.domain.normalise.text import canonical, fold, tidy

__all__ = [
    "compare_codes_by_prefix",
    "compare_words",
    "never_alike",
    "read_category",
    "read_code",
    "read_flag",
    "read_identifier",
    "read_industry_code",
    "read_text",
]

_NOT_ALNUM = re.compile(r"[\W_]+")
_BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]\s*$")
_YES = frozenset(["true", "yes", "y", "1", "t", "on", "ja", "oui", "si", "sí", "valid"])
_NO = frozenset(["false", "no", "n", "0", "f", "off", "nein", "non", "invalid"])
_NEAR = 0.9
_INDUSTRY_CODE = re.compile(r"[a-z]?\d{1,8}[a-z]?", re.IGNORECASE)


def read_text(text: str) -> Form:
    """Read free text: equal whatever its case, width, spaces and end signs."""
    return Form(canonical(text), tidy(text))


def read_category(text: str) -> Form:
    """Read a category: equal whatever its signs; what stands in brackets at its end explains it."""
    bare = _BRACKETS.sub("", text) or text
    words = fold(bare.replace("&", " and ").replace("_", " "))
    return Form(words, tidy(text))


def read_code(text: str) -> Form:
    """Read a code: only its letters and digits count. Case is kept where it is part of a path."""
    code = _NOT_ALNUM.sub("", str(canonical(text))).upper()
    shown = tidy(text)
    return Form(code or canonical(text), shown if "/" in shown else shown.upper())


def read_industry_code(text: str) -> Form | Unreadable:
    """Read a code of NAICS, SIC, NACE and the like: digits with at most a letter at either end."""
    code = _NOT_ALNUM.sub("", text).upper()
    if not _INDUSTRY_CODE.fullmatch(code):
        return Unreadable("is no industry code")
    return Form(code, tidy(text).upper())


def read_identifier(text: str) -> Form:
    """Read an identifier: letters and digits, leading zeros included; of an address its end."""
    bare = text.rstrip("/")
    last = bare.rsplit("/", 1)[-1] if "://" in bare else bare
    code = _NOT_ALNUM.sub("", last).upper()
    return Form(code, tidy(last)) if code else Form(canonical(text), tidy(text))


def read_flag(text: str) -> Form | Unreadable:
    """Read yes or no in the usual spellings."""
    word = text.casefold()
    if word in _YES:
        return Form("true", "true")
    if word in _NO:
        return Form("false", "false")
    return Unreadable("is neither yes nor no")


def compare_words(first: Normalised, second: Normalised) -> Likeness:
    """Compare by words, whatever their order."""
    from rapidfuzz import fuzz

    score = fuzz.token_sort_ratio(first.canonical, second.canonical) / 100
    return alike(score, near=_NEAR)


def compare_codes_by_prefix(first: Normalised, second: Normalised) -> Likeness:
    """Compare codes of a tree: the shorter one holds all that begin with it."""
    one, other = first.canonical, second.canonical
    if one.startswith(other):
        return Likeness(Relation.FIRST_WITHIN_SECOND, len(other) / len(one))
    if other.startswith(one):
        return Likeness(Relation.SECOND_WITHIN_FIRST, len(one) / len(other))
    return DIFFERENT


def never_alike(_first: Normalised, _second: Normalised) -> Likeness:
    """Tell apart what is not the same: for values in which each sign counts."""
    return DIFFERENT
