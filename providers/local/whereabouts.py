"""Reading a place as people write it: «Saint Paul, Minnesota», «Tokyo , Japan», «Austin, TX».

Read from the end: country, then region, then city. Where the end can mean two things («Georgia»,
«CA»), each reading is tried and the one with a city in it wins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from enrich.domain.normalise.country_names import CountryNames, fold_place
from providers.local.gazetteer import City, Gazetteer, Region

__all__ = ["Place", "locate"]

_SHORT_COUNTRIES = frozenset({"US", "USA", "UK", "UAE"})
_REMARK = re.compile(r"\([^)]*\)")
_NOISE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\d+°.*$|\ufeff")
#: What follows a second head office: «Menlo Park, California , U.S. San Ramon, California».
_SECOND = re.compile(r"(,\s*(?:U\.S\.(?:A\.)?|USA?|United States))\s+\S.*$")
_NOBODY_SAYS_PLACE = frozenset(
    {"", "none", "n a", "null", "unknown", "tbd", "tba", "nan", "remote"}
)
_WITH_DIGIT = re.compile(r"\S*\d\S*")
_NAME = re.compile(r"[^\W\d_][\w .'’\-–/]{1,40}")
#: A name that many cities share is settled by size only when one has this share of their people.
_CLEAR_SHARE = 0.6
#: Without a country, a smaller city is more often a word that happens to be a city's name too.
_WELL_KNOWN = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a text says; `certainty` (0 to 1) is that of the city, or of the country without one."""

    country: str
    region: Region | None = None
    city: str = ""
    match: City | None = None
    certainty: float


@dataclass(frozen=True, slots=True)
class _Reading:
    country: str | None
    region: Region | None
    rest: tuple[str, ...]


def locate(
    text: str, *, places: Gazetteer, countries: CountryNames, country: str | None = None
) -> Place | None:
    """Find the place that a text names; None when it names none, or several alike.

    `country` is the two-letter code of the country when it is known from elsewhere.
    """
    parts = _parts(text)
    if not parts:
        return None
    readings = list(_readings(_parted(parts, places, countries), places, countries, country))
    found = [place for one in readings if (place := _city_in(one, places)) is not None]
    if found:
        return max(found, key=_weight)
    vague = [place for one in readings if (place := _without_city(one)) is not None]
    return vague[0] if len({place.country for place in vague}) == 1 else None


def _weight(place: Place) -> tuple[float, int]:
    return (place.certainty, place.match.population if place.match else 0)


def _parts(text: str) -> tuple[str, ...]:
    if fold_place(text) in _NOBODY_SAYS_PLACE:
        return ()
    # «A (legal), B (operational)»: the first of several head offices.
    remarks = _REMARK.findall(text)
    first = text.partition(remarks[0])[0] if len(remarks) > 1 else text
    plain = _SECOND.sub(r"\1", _NOISE.sub(" ", first.partition(";")[0]))
    parts = (" ".join(_WITH_DIGIT.sub(" ", part).split()) for part in plain.split(","))
    return tuple(part for part in parts if part)


def _parted(parts: tuple[str, ...], places: Gazetteer, countries: CountryNames) -> tuple[str, ...]:
    """Part a country or region from what stands before it without a comma: «Kyoto Japan»."""
    last = parts[-1]
    words = last.split()
    if _region(last, places) or countries.code_of(last) or len(words) < 2:
        return parts
    for count in (2, 1):
        tail = " ".join(words[-count:])
        is_country = countries.code_of(tail) and (len(tail) > 3 or tail in _SHORT_COUNTRIES)
        if len(words) > count and (is_country or fold_place(tail) in places.regions):
            return (*parts[:-1], " ".join(words[:-count]), tail)
    return parts


def _readings(
    parts: tuple[str, ...], places: Gazetteer, countries: CountryNames, known: str | None
) -> Iterator[_Reading]:
    """Give the ways to read the end of the text that agree with the known country."""
    last = parts[-1]
    region = _region(last, places)
    if region and known in (None, region.country):
        yield _Reading(region.country, region, parts[:-1])
    code = countries.code_of(last)
    if code and known in (None, code):
        inner = _region(parts[-2], places) if len(parts) > 2 else None
        inside = inner if inner and inner.country == code else None
        yield _Reading(code, inside, parts[: -2 if inside else -1])
    if len(parts) == 1 or not (region or code):
        yield _Reading(known, None, parts)


def _region(part: str, places: Gazetteer) -> Region | None:
    letters = part.replace(".", "")
    return places.regions.get(fold_place(part)) or places.region_letters.get(letters)


def _city_in(reading: _Reading, places: Gazetteer) -> Place | None:
    if not reading.rest:
        return None
    for name, trust in _names(reading):
        # «Delaware, US» is not the town in Ohio, but «Hamburg, Germany» is the city of the state.
        same = places.regions.get(fold_place(name))
        region = same if same and same.country == reading.country else None
        cities = places.named(name, country=reading.country, region=reading.region or region)
        share = (
            cities[0].population / max(1, sum(city.population for city in cities)) if cities else 0
        )
        if share >= _CLEAR_SHARE:
            best = cities[0]
            where = Region(best.country, best.region)
            famous = best.population >= _WELL_KNOWN
            return Place(
                country=best.country,
                region=where if where in places.region_names else None,
                city=best.name,
                match=best,
                certainty=trust * share * (1.0 if reading.country else 0.9 if famous else 0.45),
            )
    return None


def _names(reading: _Reading) -> Iterator[tuple[str, float]]:
    """Give what may be the city's name, with how far to trust it, the likeliest first.

    Behind a street («345 Park Avenue New York City») only the last words are the city; that is
    tried only where the country is known, because many last words are the name of some city.
    """
    last = reading.rest[-1]
    yield last, 1.0
    words = last.split()
    if reading.country:
        yield from ((" ".join(words[start:]), 0.85) for start in range(1, len(words)))
        if len(reading.rest) > 1:
            yield reading.rest[-2], 0.8


def _without_city(reading: _Reading) -> Place | None:
    """Believe the country and region, and a city beside a region that the gazetteer lacks."""
    if reading.country is None:
        return None
    name = reading.rest[-1] if len(reading.rest) == 1 else ""
    has_city = bool(_NAME.fullmatch(name)) and (reading.region is not None)
    return Place(
        country=reading.country,
        region=reading.region,
        city=name if has_city else "",
        certainty=0.8,
    )
