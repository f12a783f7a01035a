"""Facts of some 1,800 listed companies, from the boxes of their Wikipedia articles."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enrich.domain.normalise.country_names import CountryNames, country_names
from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import Json, JsonObject
from providers.base import LocalProvider, observed, text_of
from providers.local import company_values as read
from providers.local.company_index import CompanyIndex, build_index
from providers.local.gazetteer import Gazetteer, gazetteer
from providers.local.hosts import registrable
from providers.local.whereabouts import Place, locate

__all__ = ["SPEC", "provider"]

_ASKED = ("ticker", "isin", "company_name", "website", "domain", "email_domain")

SPEC = ProviderSpec(
    name="company_facts",
    version="1",
    tier=Tier.FREE,
    gives={
        "company_name": 0.97,
        "company_form": 0.85,
        "ticker": 0.9,
        "isin": 0.93,
        "website": 0.93,
        "domain": 0.93,
        "industry": 0.75,
        "sector": 0.9,
        "headquarters": 0.93,
        "city": 0.92,
        "region": 0.93,
        "country": 0.93,
        "country_code": 0.93,
        "founded": 0.88,
        "employees": 0.8,
        "revenue": 0.75,
        "products": 0.8,
        "key_people": 0.75,
        "wikipedia_url": 0.97,
    },
    inputs=tuple(frozenset({field}) for field in _ASKED),
    family="wikipedia",
    licence="MIT, data CC-BY-SA-4.0",
    source="pytickersymbols (compiled from Wikipedia)",
    data_date="2026-03-08",
    bulk_size=500,
)
_SECTORS = frozenset(
    {
        "Communication Services", "Consumer Discretionary", "Consumer Staples", "Energy",
        "Financials", "Health Care", "Industrials", "Information Technology", "Materials",
        "Real Estate", "Utilities",
    }
)  # fmt: skip
#: Broad headings of a second classification in the same list; never an industry.
_BROAD = frozenset(
    {
        "Technology", "Consumer Cyclicals", "Consumer Non-Cyclicals", "Basic Materials",
        "Industrial Goods", "Healthcare", "Financial services", "Financial Services", "Services",
        "Information technology", "Real estate", "Manufacturing", "Conglomerate",
    }
)  # fmt: skip
#: That shares are traded is no legal form.
_NO_FORM = frozenset({"public", "public company", "private", "subsidiary", "listed company"})


@dataclass(frozen=True, slots=True)
class _Data:
    companies: tuple[Mapping[str, Any], ...]
    index: CompanyIndex
    common: Mapping[str, int]
    places: Gazetteer
    countries: CountryNames


def provider() -> LocalProvider[_Data]:
    """Make the provider."""
    return LocalProvider(SPEC, load=_load, read=_read)


def _load() -> _Data:
    from pytickersymbols import PyTickerSymbols

    companies = tuple(PyTickerSymbols().get_all_stocks())
    common = Counter(name for one in companies for name in one.get("industries") or ())
    return _Data(companies, build_index(companies), common, gazetteer(), country_names())


def _read(data: _Data, inputs: JsonObject) -> Outcome:
    match = data.index.find({field: text_of(inputs, field) for field in _ASKED})
    if match is None:
        return NotFound()
    return observed(
        SPEC.gives, _facts(data, data.companies[match.company]), certainty=match.certainty
    )


def _facts(data: _Data, one: Mapping[str, Any]) -> dict[str, Json]:
    box = one.get("metadata") or {}
    place = _place(data, one)
    website = read.web_address(box.get("website"))
    founded = read.year_of_founding(box.get("founded"))
    return {
        "company_name": one["name"],
        "company_form": _form(box),
        "ticker": one.get("symbol"),
        "isin": _isin(one, place),
        "website": website,
        "domain": registrable(website),
        "industry": _industry(one, data.common),
        "sector": next((name for name in one.get("industries") or () if name in _SECTORS), ""),
        "headquarters": read.tidy(box.get("headquarters")),
        **_where(data, place),
        "founded": founded[0] if founded else None,
        "employees": read.whole_number(box.get("employees")),
        "revenue": read.amount_of_money(box.get("revenue")),
        "products": read.tidy(box.get("products")),
        "key_people": read.people(box.get("key_people")),
        "wikipedia_url": box.get("wikipedia_url"),
    }


def _place(data: _Data, one: Mapping[str, Any]) -> Place | None:
    """Find the head office; its own line is better than the country column of the list.

    That column often holds «Saint Paul, Minnesota», and for indices of one country that country.
    """
    lines = (str((one.get("metadata") or {}).get("headquarters") or ""), one.get("country") or "")
    found = [locate(line, places=data.places, countries=data.countries) for line in lines]
    known = [place for place in found if place is not None]
    return max(known, key=lambda place: place.certainty) if known else None


def _where(data: _Data, place: Place | None) -> dict[str, Json]:
    if place is None:
        return {}
    return {
        "city": place.city,
        "region": data.places.region_names.get(place.region, "") if place.region else "",
        "country": data.countries.names[place.country],
        "country_code": place.country,
    }


def _form(box: Mapping[str, Any]) -> str:
    form = read.tidy(box.get("company_type"))
    return "" if form.casefold() in _NO_FORM or form.startswith("Public (") else form


def _isin(one: Mapping[str, Any], place: Place | None) -> str:
    isins = sorted(one.get("isins") or ())
    home = [isin for isin in isins if place and isin.startswith(place.country)]
    return str((home or isins or [""])[0])


def _industry(one: Mapping[str, Any], common: Mapping[str, int]) -> str:
    """Pick the most special heading that is not this company's alone."""
    headings = [n for n in one.get("industries") or () if n not in _SECTORS and n not in _BROAD]
    shared = [name for name in headings if common[name] > 1]
    return min(shared or headings, key=lambda name: (common[name], name), default="")
