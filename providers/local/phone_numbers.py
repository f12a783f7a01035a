"""Telephone numbers by their country's numbering plan: E.164, country and kind of line."""

from enrich.domain.normalise.country_names import CountryNames, country_names
from enrich.domain.outcome import InvalidInput, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, observed
from providers.local.phone_reading import INPUTS, OPTIONAL_INPUTS, country_of, read_number

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="phone_numbers",
    version="1",
    tier=Tier.FREE,
    gives={
        "phone_e164": 0.98,
        "phone_extension": 0.95,
        "phone_country": 0.97,
        "phone_line_type": 0.85,
    },
    inputs=INPUTS,
    optional_inputs=OPTIONAL_INPUTS,
    family="libphonenumber",
    licence="Apache-2.0",
    source="phonenumbers (metadata of libphonenumber)",
    data_date="2026-11-01",
    bulk_size=1000,
)


def provider() -> LocalProvider[CountryNames]:
    """Make the provider."""
    return LocalProvider(SPEC, load=country_names, read=_read)


def _read(countries: CountryNames, inputs: JsonObject) -> Outcome:
    from phonenumbers import PhoneNumberFormat, PhoneNumberType, format_number, number_type

    read = read_number(countries, inputs)
    if read is None:
        return InvalidInput("not one valid number of a known country")
    kind = PhoneNumberType.to_string(number_type(read.number)).lower()
    return observed(
        SPEC.gives,
        {
            "phone_e164": format_number(read.number, PhoneNumberFormat.E164),
            "phone_extension": read.number.extension,
            "phone_country": country_of(countries, read),
            "phone_line_type": "" if kind == "unknown" else kind,
        },
        certainty=read.certainty,
    )
