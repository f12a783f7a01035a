"""Countries by name or code: codes, official name, currency and official languages."""

from enrich.domain.normalise.country_names import CountryNames, country_names
from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import Json, JsonObject
from providers.base import LocalProvider, observed, text_of

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="countries",
    version="1",
    tier=Tier.FREE,
    gives={
        "country": 0.98,
        "country_code": 0.99,
        "country_code3": 0.99,
        "country_official_name": 0.97,
        "currency": 0.96,
        "currency_name": 0.96,
        "languages": 0.93,
    },
    inputs=(frozenset({"country"}), frozenset({"country_code"})),
    family="iso3166",
    licence="LGPL-2.1-only, BSD-3-Clause",
    source="pycountry (ISO 3166) and Babel (Unicode CLDR)",
    data_date="2026-02-16",
    bulk_size=1000,
)


def provider() -> LocalProvider[CountryNames]:
    """Make the provider."""
    return LocalProvider(SPEC, load=country_names, read=_read)


def _read(names: CountryNames, inputs: JsonObject) -> Outcome:
    from babel import Locale
    from pycountry import countries

    code = names.code_of(text_of(inputs, "country_code") or text_of(inputs, "country"))
    country = countries.get(alpha_2=code) if code else None
    if code is None or country is None:
        return NotFound()
    currency = _currency(code)
    return observed(
        SPEC.gives,
        {
            "country": names.names[code],
            "country_code": code,
            "country_code3": country.alpha_3,
            "country_official_name": getattr(country, "official_name", country.name),
            "currency": currency,
            "currency_name": str(Locale("en").currencies.get(currency, "")),
            "languages": _languages(code),
        },
    )


def _currency(code: str) -> str:
    """Give the tender in use today; empty when there are several or none."""
    from babel.numbers import get_territory_currencies

    tender = list(get_territory_currencies(code))
    return tender[0] if tender else ""


def _languages(code: str) -> Json:
    from babel import Locale
    from babel.languages import get_official_languages

    names = Locale("en").languages
    return [str(names.get(tag, tag)) for tag in get_official_languages(code)]
