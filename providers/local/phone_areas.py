"""Where a telephone number was given out: area, time zone and first carrier.

A provider of its own because its tables are large (seconds to load) and seldom all wanted.
"""

from enrich.domain.normalise.country_names import CountryNames, country_names
from enrich.domain.outcome import InvalidInput, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, observed
from providers.local.phone_reading import (
    INPUTS,
    OPTIONAL_INPUTS,
    ReadNumber,
    country_of,
    read_number,
)

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="phone_areas",
    version="1",
    tier=Tier.FREE,
    gives={"phone_region": 0.85, "phone_carrier": 0.6, "phone_time_zone": 0.85},
    inputs=INPUTS,
    optional_inputs=OPTIONAL_INPUTS,
    family="libphonenumber",
    licence="Apache-2.0",
    source="phonenumbers (geocoding, carrier and time zone tables of libphonenumber)",
    data_date="2026-11-01",
    timeout_s=30.0,
    bulk_size=1000,
)


def provider() -> LocalProvider[CountryNames]:
    """Make the provider."""
    return LocalProvider(SPEC, load=_load, read=_read)


def _load() -> CountryNames:
    # Imported for their tables, which they read at import.
    from phonenumbers import carrier, geocoder, timezone

    _ = (carrier, geocoder, timezone)
    return country_names()


def _read(countries: CountryNames, inputs: JsonObject) -> Outcome:
    from phonenumbers import carrier

    read = read_number(countries, inputs)
    if read is None:
        return InvalidInput("not one valid number of a known country")
    return observed(
        SPEC.gives,
        {
            "phone_region": _area(countries, read),
            "phone_carrier": carrier.name_for_number(read.number, "en"),
            "phone_time_zone": _zone(read),
        },
        certainty=read.certainty,
    )


def _area(countries: CountryNames, read: ReadNumber) -> str:
    """Name the area; empty when the table knows no more than the country."""
    from phonenumbers import geocoder

    area = geocoder.description_for_valid_number(read.number, "en")
    same = countries.code_of(area) is not None or area == country_of(countries, read)
    return "" if same else area


def _zone(read: ReadNumber) -> str:
    from phonenumbers import timezone

    zones = timezone.time_zones_for_number(read.number)
    return zones[0] if len(zones) == 1 and zones[0] != timezone.UNKNOWN_TIMEZONE else ""
