"""What a company's name says by itself: legal form, name without it, perhaps the country."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from enrich.domain.normalise.country_names import CountryNames, country_names
from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, observed, text_of
from providers.local.company_names import base_name

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="company_forms",
    version="1",
    tier=Tier.FREE,
    gives={
        "company_form": 0.85,
        "company_short_name": 0.9,
        "country": 0.65,
        "country_code": 0.65,
    },
    inputs=(frozenset({"company_name"}), frozenset({"company_legal_name"})),
    licence="MIT",
    source="cleanco",
    data_date="2024-05-01",
    bulk_size=1000,
)


@dataclass(frozen=True, slots=True)
class _Data:
    by_country: Sequence[Any]
    countries: CountryNames


def provider() -> LocalProvider[_Data]:
    """Make the provider."""
    return LocalProvider(SPEC, load=_load, read=_read)


def _load() -> _Data:
    from cleanco import countrysources

    return _Data(countrysources(), country_names())


def _read(data: _Data, inputs: JsonObject) -> Outcome:
    name = text_of(inputs, "company_legal_name") or text_of(inputs, "company_name")
    name = " ".join(name.split())
    short = base_name(name)
    form = name[len(short) :].strip(" ,;") if name.startswith(short) else ""
    if not form:
        return NotFound()
    code = _country(data, name)
    return observed(
        SPEC.gives,
        {
            "company_form": form,
            "company_short_name": short,
            "country": data.countries.names.get(code, ""),
            "country_code": code,
        },
    )


def _country(data: _Data, name: str) -> str:
    """Give the only country in which such a form exists; empty when there are several."""
    from cleanco import matches

    codes = {data.countries.code_of(country) or "?" for country in matches(name, data.by_country)}
    return min(codes) if len(codes) == 1 and "?" not in codes else ""
