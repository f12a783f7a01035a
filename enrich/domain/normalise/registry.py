"""Which normaliser reads which kind of field; each is made once for its context and kept."""

from collections.abc import Callable
from functools import lru_cache

from enrich.domain.fields import FIELDS, FieldType
from enrich.domain.normalise.companies import compare_companies, read_company
from enrich.domain.normalise.dates import compare_dates, date_reader
from enrich.domain.normalise.lists import ListNormaliser, split_items
from enrich.domain.normalise.model import (
    Compare,
    Context,
    Form,
    Normaliser,
    Read,
    TypedNormaliser,
    Unreadable,
)
from enrich.domain.normalise.numbers import (
    compare_amounts,
    compare_years,
    money_reader,
    number_reader,
    read_year,
)
from enrich.domain.normalise.people import compare_people, read_name, read_person, split_names
from enrich.domain.normalise.phones import phone_reader
from enrich.domain.normalise.places import (
    compare_cities,
    compare_countries,
    compare_places,
    read_city,
    read_country,
    read_place,
    read_region,
)
from enrich.domain.normalise.plain import (
    compare_codes_by_prefix,
    compare_words,
    never_alike,
    read_category,
    read_code,
    read_flag,
    read_identifier,
    read_industry_code,
    read_text,
)
from enrich.domain.normalise.webs import (
    compare_domains,
    compare_urls,
    read_domain,
    read_email,
    read_url,
)

__all__ = ["ANYWHERE", "normaliser_of", "normaliser_of_field"]

#: Nothing else is known.
ANYWHERE = Context()

_T = FieldType
_READERS: dict[FieldType, tuple[Read, Compare]] = {
    _T.TEXT: (read_text, compare_words),
    _T.NAME: (read_name, compare_cities),
    _T.COMPANY: (read_company, compare_companies),
    _T.PERSON: (read_person, compare_people),
    _T.DOMAIN: (read_domain, compare_domains),
    _T.URL: (read_url, compare_urls),
    _T.EMAIL: (read_email, never_alike),
    _T.COUNTRY: (read_country, compare_countries),
    _T.PLACE: (read_place, compare_places),
    _T.CITY: (read_city, compare_cities),
    _T.REGION: (read_region, compare_cities),
    _T.YEAR: (read_year, compare_years),
    _T.IDENTIFIER: (read_identifier, never_alike),
    _T.CODE: (read_code, never_alike),
    _T.INDUSTRY_CODE: (read_industry_code, compare_codes_by_prefix),
    _T.CATEGORY: (read_category, compare_words),
    _T.FLAG: (read_flag, never_alike),
}
#: Readers that what else is known makes read differently.
_IN_CONTEXT: dict[
    FieldType, tuple[Callable[[Context], Callable[[str], Form | Unreadable]], Compare]
] = {
    _T.PHONE: (phone_reader, never_alike),
    _T.NUMBER: (number_reader, compare_amounts),
    _T.MONEY: (money_reader, compare_amounts),
    _T.DATE: (date_reader, compare_dates),
}


@lru_cache(maxsize=256)
def normaliser_of(kind: FieldType, context: Context = ANYWHERE) -> Normaliser:
    """Give the normaliser of a kind of field, the same one each time."""
    if kind in _IN_CONTEXT:
        make, compare = _IN_CONTEXT[kind]
        return TypedNormaliser(kind, make(context), compare)
    if context != ANYWHERE:
        return normaliser_of(kind)
    if kind is FieldType.NAMES:
        return ListNormaliser(kind, normaliser_of(FieldType.PERSON), split_names)
    if kind is FieldType.LIST:
        return ListNormaliser(kind, normaliser_of(FieldType.CATEGORY), split_items)
    return TypedNormaliser(kind, *_READERS[kind])


def normaliser_of_field(field: str, context: Context = ANYWHERE) -> Normaliser:
    """Give the normaliser of a field; one that is not in the vocabulary is text."""
    known = FIELDS.get(field)
    return normaliser_of(known.type if known else FieldType.TEXT, context)
