"""Up to twenty simulated providers of 50 ms, that know up to fifty fields of a company.

How many of them there are and which fields they know stands in the environment, because workers
are processes of their own.
"""

import os
from collections.abc import Callable, Sequence
from typing import Final

from enrich.domain.values import Json, JsonObject
from enrich.ports import Provider
from tests.benchmarks.throughput import vendors

__all__ = ["FIELDS", "MOST", "Vendor", "environment", "fields_of", "names_of"]

MOST: Final = 20
#: Texts, names, categories, codes, numbers, places: as a real table has them.
FIELDS: Final = (
    "industry", "sector", "company_description", "headquarters", "company_legal_name",
    "company_short_name", "company_form", "naics_title", "company_status", "employees", "founded",
    "revenue", "assets", "funding_total", "population", "products", "key_people", "address",
    "city", "capital", "region", "postal_code", "registrar", "currency_name", "full_name",
    "first_name", "middle_name", "last_name", "nickname", "name_title", "name_suffix", "job_title",
    "network_owner", "phone_carrier", "phone_extension", "phone_line_type", "email_status",
    "ticker", "company_number", "uk_company_number", "github_login", "wikidata_id", "cik", "siren",
    "no_org_number", "ein", "phone_time_zone", "time_zone", "asn", "latitude",
)  # fmt: skip
_NUMBERS: Final = frozenset(
    {"employees", "founded", "revenue", "assets", "funding_total", "population", "latitude"}
)
_LISTS: Final = frozenset({"products", "key_people"})
_FIELDS_VARIABLE: Final = "BENCH_FIELDS"
#: Set where no field is known to two of so many.
_APART_VARIABLE: Final = "BENCH_APART"


def fields_of(count: int) -> tuple[str, ...]:
    """Give the first fields."""
    return FIELDS[:count]


def names_of(count: int) -> tuple[str, ...]:
    """Give the names of the first providers."""
    return tuple(f"vendor{number}" for number in range(1, count + 1))


def environment(*, providers: int, fields: int, apart: bool) -> dict[str, str]:
    """Give the settings of an installation with so many providers that know so many fields.

    Each knows all of them, or, `apart`, its share: then a row needs every provider.
    """
    names = names_of(providers)
    return {
        "ENRICH_PROVIDERS__NAMES": ",".join(names),
        "ENRICH_PROVIDERS__MODULES": ",".join(f"{__name__}:{name}" for name in names),
        _FIELDS_VARIABLE: str(fields),
        _APART_VARIABLE: str(providers if apart else 1),
    }


class Vendor(vendors.Vendor):
    """One of them; the first is the most sure, and every third sees things its own way."""

    def __init__(self, number: int, fields: Sequence[str]) -> None:
        super().__init__(f"vendor{number}", fields=fields, sure=round(0.9 - 0.01 * number, 2))
        self._has_own_view = number % 3 == 0

    def known(self, company: str) -> JsonObject:
        """Give a value of each of its fields."""
        seed = sum(company.encode()) + self._has_own_view
        return {field: _value(field, seed) for field in self.spec.gives}


def _value(field: str, seed: int) -> Json:
    if field in _NUMBERS:
        return 1900 + seed % 100
    if field in _LISTS:
        return [f"Item {seed % 7}", f"Item {seed % 11}"]
    return f"{field.replace('_', ' ').title()} {seed % 13}"


def __getattr__(name: str) -> Callable[[], Provider]:
    """Make the function that gives a provider, by the provider's name."""
    number = int(name.removeprefix("vendor")) if name in names_of(MOST) else 0
    if not number:
        raise AttributeError(name)
    known, shares = int(os.environ[_FIELDS_VARIABLE]), int(os.environ[_APART_VARIABLE])
    return lambda: Vendor(number, fields_of(known)[(number - 1) % shares :: shares])
