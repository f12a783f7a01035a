"""Facts of listed companies, asked of the real data."""

import pytest

from enrich.domain.outcome import NotFound
from enrich.domain.values import Json
from providers.local import company_values as read
from providers.local.company_names import base_name, name_key
from providers.registry import providers
from tests.asking import answer_of, confidence_of, values_of

_FACTS = providers()["company_facts"]


@pytest.mark.parametrize(
    "name",
    [
        "SIEMENS AG",
        "siemens",
        "  Siemens  Aktiengesellschaft ",
        "Siemens (SIE.DE)",
        "The Siemens",
    ],
    ids=repr,
)
def test_a_company_is_found_by_its_name_however_it_is_spelled(name: str) -> None:
    assert values_of(_FACTS, company_name=name)["domain"] == "siemens.com"


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({"ticker": "NYSE: MMM"}, "3M"),
        ({"ticker": "brk-b"}, "Berkshire Hathaway"),
        ({"ticker": "BRK/B"}, "Berkshire Hathaway"),
        ({"isin": "US0378331005"}, "Apple Inc."),
        ({"website": "https://www.siemens.com/de/"}, "Siemens"),
        ({"domain": "3m.com"}, "3M"),
        ({"email_domain": "3m.com"}, "3M"),
    ],
    ids=str,
)
def test_a_company_is_found_by_any_identifier(inputs: dict[str, Json], name: str) -> None:
    assert values_of(_FACTS, **inputs)["company_name"] == name


def test_the_raw_boxes_become_plain_values() -> None:
    found = values_of(_FACTS, ticker="MMM")

    assert found["website"] == "https://3m.com"
    assert found["founded"] == 1902
    assert isinstance(found["employees"], int)
    assert str(found["revenue"]).startswith("USD ")
    assert (found["country"], found["country_code"], found["region"]) == (
        "United States",
        "US",
        "Minnesota",
    )


@pytest.mark.parametrize(
    "inputs",
    [
        {"company_name": "Nobody Has This Name Ltd"},
        {"company_name": "SE"},
        {"company_name": "Coop"},
        {"company_name": "()"},
        {"ticker": "MMM", "company_name": "Apple Inc."},
        {"domain": "gmail.com"},
        {"ticker": ""},
    ],
    ids=str,
)
def test_no_company_is_better_than_a_wrong_one(inputs: dict[str, Json]) -> None:
    assert answer_of(_FACTS, **inputs) == NotFound()


def test_a_name_that_shares_no_word_with_the_ticker_s_company_halves_the_confidence() -> None:
    alone = confidence_of(_FACTS, "website", ticker="META")
    renamed = confidence_of(_FACTS, "website", ticker="META", company_name="Facebook")

    assert renamed < 0.6 < alone


def test_a_name_by_its_initials_is_no_contradiction() -> None:
    name = "Advanced Micro Devices"

    assert confidence_of(_FACTS, "website", ticker="AMD", company_name=name) > 0.85


@pytest.mark.parametrize("name", ["Coop", "SE", "AB", "GmbH"], ids=str)
def test_a_name_that_is_only_a_legal_form_stays_whole(name: str) -> None:
    assert base_name(name) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme Co., Ltd.", "ACME"),
        ("AB Volvo", "Volvo"),
        ("The Coca-Cola Company", "coca cola company"),
        ("Johnson & Johnson", "Johnson and Johnson"),
        ("Société Générale S.A.", "Societe Generale"),
        ("株式会社東芝", "東芝"),
    ],
    ids=str,
)
def test_spellings_of_one_company_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("raw", "year"),
    [
        ("1988 ; 38 years ago ( 1988 )", (1988, True)),
        ("September 25, 1928 as Motorola January 4, 2011 ; 15 years ago", (1928, False)),
        (1853, (1853, True)),
        ("long ago", None),
        (None, None),
    ],
    ids=repr,
)
def test_a_year_of_founding_is_read(raw: object, year: tuple[int, bool] | None) -> None:
    assert read.year_of_founding(raw) == year


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("3,167 (average, 2021)", 3167),
        ("c. 250 (2024)", 250),
        ("1.2 million (2023)", 1_200_000),
        (44641, 44641),
        ("1,001-5,000", None),
        ("(2021)", None),
        ("c. 16,000 : 2 (2025)", None),
        ("", None),
    ],
    ids=repr,
)
def test_a_count_is_read_or_refused(raw: object, number: int | None) -> None:
    assert read.whole_number(raw) == number


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("US$ 2.1 billion (2022)", "USD 2100000000"),
        ("€337.6 million (2021)", "EUR 337600000"),
        ("¥ 5.78 trillion (2022)", "JPY 5780000000000"),
        ("£ 1,665.2 million (2024)", "GBP 1665200000"),
        ("$3.2B", ""),
        ("JPY 0 11 trillion (2013)", ""),
        ("2.1 billion", ""),
    ],
    ids=repr,
)
def test_an_amount_is_read_or_refused(raw: str, amount: str) -> None:
    assert read.amount_of_money(raw) == amount


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("www.gbl.be /en", "https://www.gbl.be/en"),
        ("Adient.com", "https://adient.com"),
        ("Official website", ""),
        (None, ""),
    ],
    ids=repr,
)
def test_a_web_address_is_read_or_refused(raw: object, address: str) -> None:
    assert read.web_address(raw) == address
