"""Places and countries, asked of the real data."""

import pytest

from enrich.domain.normalise.country_names import country_names
from enrich.domain.outcome import NotFound
from enrich.domain.values import Json
from providers.registry import providers
from tests.asking import answer_of, confidence_of, values_of

_PLACES = providers()["places"]
_COUNTRIES = providers()["countries"]
_COUNTRY_FACTS = providers()["country_facts"]


@pytest.mark.parametrize(
    ("written", "city", "region", "country", "zone"),
    [
        ("Saint Paul, Minnesota", "Saint Paul", "Minnesota", "US", "America/Chicago"),
        ("St. Louis, Missouri", "St. Louis", "Missouri", "US", "America/Chicago"),
        ("Austin, TX 78701", "Austin", "Texas", "US", "America/Chicago"),
        ("Atlanta, Georgia", "Atlanta", "Georgia", "US", "America/New_York"),
        ("Tbilisi, Georgia", "Tbilisi", None, "GE", "Asia/Tbilisi"),
        ("Ontario, CA", "Ontario", "California", "US", "America/Los_Angeles"),
        ("Toronto, ON", "Toronto", "Ontario", "CA", "America/Toronto"),
        ("London , England, UK", "London", "England", "GB", "Europe/London"),
        ("Tokyo , Japan", "Tokyo", None, "JP", "Asia/Tokyo"),
        ("Hamburg, Germany", "Hamburg", "Hamburg", "DE", "Europe/Berlin"),
        ("New York City , US", "New York City", "New York", "US", "America/New_York"),
        ("345 Park Avenue New York City, U.S.", "New York City", "New York", "US",
         "America/New_York"),
        ("Madrid , Spain (legal) London , UK (main)", "Madrid", None, "ES", "Europe/Madrid"),
        ("Purchase, New York", "Purchase", "New York", "US", "America/New_York"),
        ("Delaware , US", None, None, "US", None),
    ],
    ids=str,
)  # fmt: skip
def test_a_head_office_is_read(
    written: str, city: str | None, region: str | None, country: str, zone: str | None
) -> None:
    found = values_of(_PLACES, headquarters=written)

    assert found["country_code"] == country
    assert (found.get("city"), found.get("region"), found.get("time_zone")) == (city, region, zone)


@pytest.mark.parametrize("written", ["Springfield", "Georgia", "none", "n/a", "", "§"], ids=repr)
def test_a_place_that_is_nowhere_or_in_many_countries_is_not_found(written: str) -> None:
    assert answer_of(_PLACES, headquarters=written) == NotFound()


@pytest.mark.parametrize(
    ("inputs", "zone"),
    [
        ({"city": "Dublin", "country": "Ireland"}, "Europe/Dublin"),
        ({"city": "Dublin", "region": "OH"}, "America/New_York"),
        ({"city": "Cambridge", "country_code": "GB"}, "Europe/London"),
        ({"city": "Cambridge", "region": "MA", "country": "USA"}, "America/New_York"),
        ({"city": "München"}, "Europe/Berlin"),
    ],
    ids=str,
)
def test_what_else_the_row_says_picks_among_cities_of_one_name(
    inputs: dict[str, Json], zone: str
) -> None:
    assert values_of(_PLACES, **inputs)["time_zone"] == zone


def test_a_city_without_its_country_is_less_sure() -> None:
    named = confidence_of(_PLACES, "country", city="Paris", country_code="FR")

    assert confidence_of(_PLACES, "country", city="Paris") < named


def test_a_text_that_contradicts_the_row_s_country_is_not_found() -> None:
    assert answer_of(_PLACES, headquarters="Paris, France", country="US") == NotFound()


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("UK", "GB"),
        ("Russia", "RU"),
        ("Turkey", "TR"),
        ("U.S.A.", "US"),
        ("South Korea", "KR"),
        ("Republic of Korea", "KR"),
        ("Niger", "NE"),
        ("Holland", "NL"),
        ("Deutschland", "DE"),
        ("España", "ES"),
        ("中国", "CN"),
        ("GER", "DE"),
        ("che", "CH"),
        ("Côte d’Ivoire", "CI"),
    ],
    ids=str,
)
def test_a_country_is_known_by_its_usual_names(written: str, code: str) -> None:
    assert values_of(_COUNTRIES, country=written)["country_code"] == code


@pytest.mark.parametrize("written", ["Congo", "Korea", "Atlantis", "EU", "germani", ""], ids=repr)
def test_an_unclear_country_is_not_found(written: str) -> None:
    assert answer_of(_COUNTRIES, country=written) == NotFound()


def test_every_short_name_leads_back_to_its_code() -> None:
    names = country_names()

    assert {code: names.code_of(name) for code, name in names.names.items()} == {
        code: code for code in names.names
    }


def test_a_country_has_its_currency_by_two_sources() -> None:
    assert values_of(_COUNTRIES, country="Switzerland")["currency"] == "CHF"
    assert values_of(_COUNTRY_FACTS, country_code="CH") == {
        "capital": "Bern",
        "continent": "Europe",
        "calling_code": "+41",
        "currency": "CHF",
        "time_zone": "Europe/Zurich",
    }


@pytest.mark.parametrize("country", ["US", "Russia", "Australia"], ids=str)
def test_a_country_of_many_time_zones_gives_none(country: str) -> None:
    assert "time_zone" not in values_of(_COUNTRY_FACTS, country=country)
