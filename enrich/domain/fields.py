"""The vocabulary: the fields that columns mean and that providers give and need.

A column has a key of its own (from its header) and means one field; two tables that call the same
thing differently share providers through it.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["FIELDS", "Field", "FieldType", "column_key", "field_of_header", "fields_of_headers"]


class FieldType(StrEnum):
    """What kind of value a field holds; it decides how two values are compared."""

    TEXT = "text"
    NAME = "name"
    COMPANY = "company"
    PERSON = "person"
    DOMAIN = "domain"
    URL = "url"
    EMAIL = "email"
    PHONE = "phone"
    COUNTRY = "country"
    PLACE = "place"
    CITY = "city"
    REGION = "region"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    YEAR = "year"
    LIST = "list"
    NAMES = "names"
    IDENTIFIER = "identifier"
    CODE = "code"
    INDUSTRY_CODE = "industry_code"
    CATEGORY = "category"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its name, the kind of its values, its meaning in one line, and usual headers."""

    name: str
    type: FieldType
    meaning: str
    aliases: tuple[str, ...] = ()


def _field(name: str, kind: FieldType, meaning: str, aliases: str = "") -> Field:
    return Field(name, kind, meaning, tuple(part for part in aliases.split("|") if part))


# An alias that two fields share is ambiguous on purpose: only the other headers can decide it.
_T = FieldType
_COMPANY = (
    _field("company_name", _T.COMPANY, "usual name of the company",
           "company|organisation|organization|organisation name|organization name|security|firm"
           "|account|account name|business name|employer|issuer|name|firma|firmenname|unternehmen"
           "|unternehmensname|arbeitgeber|entreprise|nom de l entreprise|societe|nom de la societe"
           "|empresa|azienda|societa|bedrijf|bedrijfsnaam"),
    _field("company_legal_name", _T.COMPANY, "name as registered",
           "legal name|registered name|legal entity|raison sociale|denomination sociale"
           "|razon social|ragione sociale"),
    _field("company_short_name", _T.COMPANY, "name without its legal form", "short name"),
    _field("company_form", _T.CATEGORY, "legal form, such as «Aktiengesellschaft»",
           "legal form|company type|entity type|rechtsform|forme juridique"),
    _field("ticker", _T.CODE, "symbol of its share at its main exchange",
           "symbol|ticker symbol|stock symbol|stock ticker"),
    _field("isin", _T.IDENTIFIER, "international number of its security (ISO 6166)", "isin code"),
    _field("isin_is_valid", _T.FLAG, "the ISIN's check digit is right"),
    _field("lei", _T.IDENTIFIER, "legal entity identifier (ISO 17442)",
           "lei code|legal entity identifier"),
    _field("lei_is_valid", _T.FLAG, "the LEI's check digits are right"),
    _field("vat_id", _T.IDENTIFIER, "European VAT number with its country prefix",
           "vat|vat number|vat no|uid|ust id|ustidnr|ust idnr|tva|numero de tva"),
    _field("vat_is_valid", _T.FLAG, "the VAT number's check digits are right"),
    _field("cik", _T.IDENTIFIER, "number at the US securities commission", "cik number"),
    _field("wikidata_id", _T.IDENTIFIER, "item at Wikidata, «Q…»", "wikidata|wikidata item"),
    _field("website", _T.URL, "home page of the company",
           "url|homepage|home page|web|web address|site|company website|website url|company url"
           "|webseite|internetseite|site web|site internet|sitio web|sito web"),
    _field("domain", _T.DOMAIN, "registrable domain of its website",
           "domain name|company domain|web domain|website domain"),
    _field("industry", _T.CATEGORY, "line of business",
           "industries|sub industry|gics sub industry|branch|line of business|branche"
           "|secteur d activite|industria"),
    _field("sector", _T.CATEGORY, "broad part of the economy", "gics sector|economic sector"),
    _field("naics_code", _T.INDUSTRY_CODE, "code of its industry in NAICS", "naics"),
    _field("naics_title", _T.CATEGORY, "title of its industry in NAICS"),
    _field("founded", _T.YEAR, "year of its founding",
           "founded year|year founded|founding year|established|inception|founding date"
           "|gründungsjahr|gründung|gegründet|année de création|fondée en"),
    _field("employees", _T.NUMBER, "number of people it employs",
           "employee count|number of employees|headcount|staff|num employees|no of employees"
           "|mitarbeiter|mitarbeiterzahl|anzahl mitarbeiter|beschäftigte|employés|effectif"
           "|effectifs|nombre d employés|empleados|dipendenti"),
    _field("revenue", _T.MONEY, "yearly revenue",
           "annual revenue|sales|turnover|umsatz|jahresumsatz|chiffre d affaires"),
    _field("assets", _T.MONEY, "total assets in its books", "total assets"),
    _field("products", _T.LIST, "what it makes or offers", "product|services"),
    _field("key_people", _T.NAMES, "who leads it", "leadership|executives|management"),
    _field("wikipedia_url", _T.URL, "its article in the English Wikipedia",
           "wikipedia|wikipedia link|wiki"),
    _field("linkedin_url", _T.URL, "its or the person's page at LinkedIn",
           "linkedin|linkedin profile"),
    _field("company_number", _T.IDENTIFIER, "number in its country's register",
           "registration number|company registration number|register number|registry number"),
    _field("uk_company_number", _T.IDENTIFIER, "number at Companies House",
           "companies house number|crn"),
    _field("siren", _T.IDENTIFIER, "number in the French register", "numero siren|siren number"),
    _field("no_org_number", _T.IDENTIFIER, "number in the Norwegian register",
           "organisasjonsnummer|orgnr|org nr"),
    _field("ein", _T.IDENTIFIER, "number at the US tax office",
           "employer identification number"),
    _field("company_status", _T.CATEGORY, "active, dissolved and the like, by its register",
           "registration status"),
    _field("company_description", _T.TEXT, "what it does, in a sentence or two",
           "about|about the company|short description"),
    _field("employee_range", _T.NUMBER, "number of people it employs, as a range",
           "company size|size range|employees range"),
    _field("sic_code", _T.INDUSTRY_CODE, "code of its industry in SIC", "sic"),
    _field("nace_code", _T.INDUSTRY_CODE, "code of its industry in NACE or a national form of it",
           "nace|naf|ape"),
    _field("funding_total", _T.MONEY, "money raised from investors, in US dollars",
           "total funding|funding"),
    _field("registrar", _T.TEXT, "who registered its domain", "domain registrar"),
    _field("domain_registered_on", _T.DATE, "day on which its domain was registered",
           "domain registered|domain created"),
    _field("domain_expires_on", _T.DATE, "day until which its domain is registered",
           "domain expires|domain expiry"),
)  # fmt: skip
_PLACE = (
    _field("headquarters", _T.PLACE, "where the head office is, as written",
           "headquarters location|hq|hq location|headquarter|head office|headquarters address"
           "|hauptsitz|firmensitz|siege|siege social"),
    _field("address", _T.TEXT, "postal address",
           "street address|postal address|mailing address|adresse|anschrift"),
    _field("city", _T.CITY, "city, in English",
           "town|hq city|locality|municipality|ort|stadt|ville|ciudad"),
    _field("region", _T.REGION, "state, province or county",
           "state|province|county|hq state|state province|bundesland"),
    _field("postal_code", _T.CODE, "postal code",
           "zip|zip code|postcode|plz|postleitzahl|code postal"),
    _field("country", _T.COUNTRY, "country, by its English short name",
           "country name|hq country|nation|land|pays|pais"),
    _field("country_code", _T.CODE, "country as two letters (ISO 3166)",
           "iso country code|country iso|country iso2|iso2|country code iso2"),
    _field("country_code3", _T.CODE, "country as three letters (ISO 3166)",
           "country iso3|iso3|alpha3"),
    _field("country_official_name", _T.TEXT, "country, by its official English name"),
    _field("capital", _T.CITY, "capital of the country", "capital city"),
    _field("continent", _T.PLACE, "continent of the country"),
    _field("calling_code", _T.CODE, "prefix of the country's telephone numbers, «+41»",
           "dialing code|dialling code"),
    _field("languages", _T.LIST, "official languages of the country", "language"),
    _field("currency", _T.CODE, "currency as three letters (ISO 4217)",
           "currency code|local currency"),
    _field("currency_name", _T.TEXT, "currency, by its English name"),
    _field("latitude", _T.NUMBER, "degrees north", "lat"),
    _field("longitude", _T.NUMBER, "degrees east", "lon|lng|long"),
    _field("population", _T.NUMBER, "people who live in the city", "inhabitants"),
    _field("time_zone", _T.CODE, "time zone by its IANA name", "timezone|tz"),
)  # fmt: skip
_CONTACT = (
    _field("email", _T.EMAIL, "e-mail address",
           "mail|email address|e mail address|work email|contact email|business email"
           "|e mail adresse|courriel|adresse e mail"),
    _field("email_normalised", _T.EMAIL, "e-mail address in its normal spelling"),
    _field("email_domain", _T.DOMAIN, "registrable domain of the e-mail address"),
    _field("email_is_valid", _T.FLAG, "the address is well formed; not whether it is read"),
    _field("email_is_free", _T.FLAG, "the address is at a free mail provider"),
    _field("email_is_disposable", _T.FLAG, "the address is at a throw-away provider"),
    _field("email_status", _T.CATEGORY, "whether mail arrives: valid, invalid, accept_all, risky",
           "email verification|email verification status|deliverability"),
    _field("email_is_catch_all", _T.FLAG, "its server takes mail to any address"),
    _field("email_is_role", _T.FLAG, "the address is of a role, such as info@"),
    _field("phone", _T.PHONE, "telephone number, as written",
           "telephone|telefon|tel|phone number|telephone number|mobile|cell|mobile phone"
           "|contact number|work phone|telefono|telefonnummer|rufnummer|numero de telephone"),
    _field("phone_e164", _T.PHONE, "telephone number as «+» and digits (E.164)"),
    _field("phone_extension", _T.TEXT, "extension behind the number", "extension|ext"),
    _field("phone_country", _T.COUNTRY, "country of the number"),
    _field("phone_region", _T.REGION, "area that the number was given out in"),
    _field("phone_carrier", _T.TEXT, "carrier that the number's range was given to"),
    _field("phone_line_type", _T.CATEGORY, "mobile, fixed_line, toll_free and the like"),
    _field("phone_time_zone", _T.CODE, "time zone of the number's area"),
    _field("phone_is_valid", _T.FLAG, "the number can exist"),
    _field("ip_address", _T.IDENTIFIER, "address in the internet", "ip|ip addr|ipv4|ipv6"),
    _field("asn", _T.CODE, "number of the network that the address is in", "as number"),
    _field("network_owner", _T.COMPANY, "who runs that network", "isp|network operator"),
)  # fmt: skip
_PERSON = (
    _field("full_name", _T.PERSON, "whole name of the person",
           "person|person name|contact|contact name|candidate|candidate name|customer name|name"),
    _field("first_name", _T.NAME, "given name", "first|given name|forename|vorname|prenom|fname"),
    _field("middle_name", _T.NAME, "middle names", "middle|middle names"),
    _field("last_name", _T.NAME, "family name",
           "last|family name|surname|nachname|nom de famille|lname"),
    _field("name_title", _T.TEXT, "title before the name, such as «Dr.»",
           "salutation|honorific|name prefix"),
    _field("name_suffix", _T.TEXT, "suffix after the name, such as «Jr.»", "suffix"),
    _field("nickname", _T.NAME, "nickname"),
    _field("job_title", _T.TEXT, "position at the employer", "position|role|occupation"),
    _field("birth_date", _T.DATE, "date of birth", "birthday|date of birth|dob|born"),
    _field("github_login", _T.IDENTIFIER, "name of the account at GitHub",
           "github|github user|github username|github handle"),
)  # fmt: skip

#: Every field by its name, in reading order.
FIELDS: Mapping[str, Field] = MappingProxyType(
    {field.name: field for field in (*_COMPANY, *_PLACE, *_CONTACT, *_PERSON)}
)

_NOT_ALNUM = re.compile(r"[^0-9a-z]+")
_KEY_LENGTH = 63


def _ascii(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed.replace("ß", "ss") if not unicodedata.combining(c))


def _folded(header: str) -> str:
    return _NOT_ALNUM.sub("", _ascii(header))


def _by_alias() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for field in FIELDS.values():
        for alias in (field.name, *field.aliases):
            found[_folded(alias)].add(field.name)
    return {alias: frozenset(names) for alias, names in found.items()}


_ALIASES = _by_alias()
_COMPANY_HINTS = frozenset(field.name for field in _COMPANY) - {"company_name", "linkedin_url"}
_PERSON_HINTS = frozenset(field.name for field in _PERSON) | {"company_name"}


def field_of_header(header: str) -> str | None:
    """Say which field a column with this header means; None when unknown or ambiguous."""
    names = _ALIASES.get(_folded(header), frozenset())
    return next(iter(names)) if len(names) == 1 else None


def fields_of_headers(headers: Sequence[str]) -> tuple[str | None, ...]:
    """Say for each header which field it means, no field twice (the first column keeps it).

    The header «name» alone is ambiguous; beside columns about companies it is a company's, beside
    columns about people a person's, beside both or neither nobody's.
    """
    plain = [field_of_header(header) for header in headers]
    seen: set[str] = set()
    fields: list[str | None] = []
    for header, field in zip(headers, plain, strict=True):
        meant = field or _by_context(header, frozenset(filter(None, plain)))
        fields.append(None if meant in seen else meant)
        seen |= {meant} if meant else set()
    return tuple(fields)


def _by_context(header: str, others: frozenset[str]) -> str | None:
    names = _ALIASES.get(_folded(header), frozenset())
    if names != {"company_name", "full_name"}:
        return None
    company, person = bool(others & _COMPANY_HINTS), bool(others & _PERSON_HINTS)
    if company == person:
        return None
    return "company_name" if company else "full_name"


def column_key(header: str) -> str:
    """Make a safe key of a header: letters, digits and underscores, at most 63, no digit first.

    A header without any Latin letter or digit becomes «column»; making two keys differ is the
    caller's business.
    """
    slug = _NOT_ALNUM.sub("_", _ascii(header)).strip("_") or "column"
    slug = f"_{slug}" if slug[0].isdigit() else slug
    return slug[:_KEY_LENGTH].rstrip("_")
