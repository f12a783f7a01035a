"""Web addresses, mail, telephones, people, codes: asked of the real data."""

import pytest

from enrich.domain.outcome import InvalidInput, NotFound
from enrich.domain.values import Json
from providers.registry import providers
from tests.asking import answer_of, confidence_of, values_of

_ALL = providers()
_PHONES, _AREAS = _ALL["phone_numbers"], _ALL["phone_areas"]


@pytest.mark.parametrize("name", ["domains_tldextract", "domains_publicsuffix"])
@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://www.BBC.co.uk/news?x=1", "bbc.co.uk"),
        ("www.gbl.be /en", "gbl.be"),
        ("acme.github.io", "github.io"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("http://user@example.com:8080", "example.com"),
    ],
    ids=str,
)
def test_both_readers_give_the_registrable_domain(name: str, website: str, domain: str) -> None:
    assert values_of(_ALL[name], website=website)["domain"] == domain


@pytest.mark.parametrize("name", ["domains_tldextract", "domains_publicsuffix"])
@pytest.mark.parametrize(
    "website", ["192.168.1.5", "com", "co.uk", "foo.nosuchtld", "http://[::1", "a..b", ""], ids=repr
)
def test_what_has_no_registrable_domain_gives_none(name: str, website: str) -> None:
    assert values_of(_ALL[name], website=website) == {}


@pytest.mark.parametrize("name", ["domains_tldextract", "domains_publicsuffix"])
def test_a_mail_address_gives_the_firm_s_domain_only_when_it_is_the_firm_s(name: str) -> None:
    own = values_of(_ALL[name], email="info@mail.siemens.com")
    free = values_of(_ALL[name], email="siemens@gmail.com")

    assert own == {"domain": "siemens.com", "email_domain": "siemens.com"}
    assert free == {"email_domain": "gmail.com"}


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        (
            "A.b+tag@Example.COM",
            {"email_normalised": "A.b+tag@example.com", "email_is_valid": True},
        ),
        ("bad@@x", {"email_is_valid": False}),
        ("Joe <joe@example.com>", {"email_is_valid": False}),
    ],
    ids=str,
)
def test_mail_syntax_is_judged_without_a_server(email: str, expected: dict[str, Json]) -> None:
    assert values_of(_ALL["email_syntax"], email=email) == expected


@pytest.mark.parametrize("name", ["disposable_domains", "mailchecker"])
@pytest.mark.parametrize(
    ("email", "listed"),
    [("a@mailinator.com", True), ("a@sub.mailinator.com", True), ("a@siemens.com", False)],
    ids=str,
)
def test_both_lists_vote_on_throw_away_domains(name: str, email: str, listed: bool) -> None:
    assert values_of(_ALL[name], email=email) == {"email_is_disposable": listed}


def test_free_mail_is_known_and_absence_from_a_list_is_less_sure() -> None:
    free = _ALL["free_mail_domains"]

    assert values_of(free, email_domain="gmail.com") == {"email_is_free": True}
    assert confidence_of(free, "email_is_free", email="a@siemens.com") < confidence_of(
        free, "email_is_free", email="a@gmail.com"
    )


@pytest.mark.parametrize(
    ("inputs", "e164"),
    [
        ({"phone": "+41 44 668 18 00"}, "+41446681800"),
        ({"phone": "0044 20 7031 3000", "country": "US"}, "+442070313000"),
        ({"phone": "020 7031 3000", "country": "UK"}, "+442070313000"),
        ({"phone": "1-800-FLOWERS", "country_code": "US"}, "+18003569377"),
        ({"phone": "２０２-２２４-３４４１", "country_code": "US"}, "+12022243441"),
        ({"phone": "202-224-3441"}, "+12022243441"),
    ],
    ids=str,
)
def test_a_number_is_read_by_the_rules_of_its_country(inputs: dict[str, Json], e164: str) -> None:
    assert values_of(_PHONES, **inputs)["phone_e164"] == e164


@pytest.mark.parametrize(
    "inputs",
    [
        {"phone": "089 1234567"},
        {"phone": "+52 1 55 1234 5678"},
        {"phone": "+1 202 224 3441 / +1 202 224 3442"},
        {"phone": "555-0100", "country_code": "US"},
        {"phone": "call me"},
    ],
    ids=str,
)
def test_what_is_not_one_valid_number_is_refused(inputs: dict[str, Json]) -> None:
    assert isinstance(answer_of(_PHONES, **inputs), InvalidInput)


def test_an_assumed_country_lowers_the_confidence_and_the_grouping_of_digits_matters() -> None:
    stated, grouped, bare = (
        confidence_of(_PHONES, "phone_e164", **inputs)
        for inputs in (
            {"phone": "202-224-3441", "country": "US"},
            {"phone": "202-224-3441"},
            {"phone": "2022243441"},
        )
    )

    assert stated > 0.9 > grouped > bare


def test_an_extension_is_kept_apart() -> None:
    found = values_of(_PHONES, phone="+41 44 668 18 00 ext 12")

    assert (found["phone_e164"], found["phone_extension"]) == ("+41446681800", "12")


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        (
            "+12022243441",
            {"phone_region": "Washington D.C.", "phone_time_zone": "America/New_York"},
        ),
        ("+33612345678", {"phone_carrier": "SFR", "phone_time_zone": "Europe/Paris"}),
    ],
    ids=str,
)
def test_a_number_tells_its_area(phone: str, expected: dict[str, Json]) -> None:
    assert values_of(_AREAS, phone=phone) == expected


@pytest.mark.parametrize(
    ("full_name", "expected"),
    [
        ("Doe, Jane", {"first_name": "Jane", "last_name": "Doe"}),
        ("MARIA CANTWELL", {"first_name": "Maria", "last_name": "Cantwell"}),
        (
            "Dr. Juan Q. Xavier de la Vega III",
            {
                "name_title": "Dr.",
                "first_name": "Juan",
                "middle_name": "Q. Xavier",
                "last_name": "de la Vega",
                "name_suffix": "III",
            },
        ),
        ("王小明", {}),
        ("Madonna", {}),
    ],
    ids=str,
)
def test_a_name_is_taken_apart(full_name: str, expected: dict[str, Json]) -> None:
    assert values_of(_ALL["person_names"], full_name=full_name) == expected


def test_parts_of_a_name_make_the_whole() -> None:
    whole = values_of(_ALL["person_names"], first_name="Amy", last_name="Klobuchar")

    assert whole == {"full_name": "Amy Klobuchar"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Siemens AG", {"company_form": "AG", "company_short_name": "Siemens"}),
        (
            "Nokia Oyj",
            {
                "company_form": "Oyj",
                "company_short_name": "Nokia",
                "country": "Finland",
                "country_code": "FI",
            },
        ),
        ("Acme Co., Ltd.", {"company_form": "Co., Ltd.", "company_short_name": "Acme"}),
        ("Coop", {}),
        ("SE", {}),
    ],
    ids=str,
)
def test_a_company_s_name_tells_its_form(name: str, expected: dict[str, Json]) -> None:
    assert values_of(_ALL["company_forms"], company_name=name) == expected


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (
            {"isin": "US0378331005"},
            {"isin_is_valid": True, "country": "United States", "country_code": "US"},
        ),
        ({"isin": "US0378331006"}, {"isin_is_valid": False}),
        ({"isin": "XS0000000009"}, {"isin_is_valid": True}),
        ({"lei": "5493001KJTIIGC8Y1R12"}, {"lei_is_valid": True}),
        (
            {"vat_id": "DE 136 695 976"},
            {"vat_is_valid": True, "country": "Germany", "country_code": "DE"},
        ),
        ({"vat_id": "CHE-123.456.789"}, {}),
    ],
    ids=str,
)
def test_identifiers_are_checked(inputs: dict[str, Json], expected: dict[str, Json]) -> None:
    assert values_of(_ALL["identifiers"], **inputs) == expected


@pytest.mark.parametrize(
    ("industry", "code"),
    [("soybean farming", "111110"), ("Commercial Banking", "522110"), ("Semiconductors", None)],
    ids=str,
)
def test_an_industry_has_a_code_when_it_is_called_as_in_the_list(
    industry: str, code: str | None
) -> None:
    found = values_of(_ALL["industry_codes"], industry=industry)

    assert found.get("naics_code") == code


def test_an_industry_that_is_only_like_a_title_has_no_code() -> None:
    assert answer_of(_ALL["industry_codes"], industry="Software") == NotFound()
