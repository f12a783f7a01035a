"""Each kind of value in its three forms, with the oddities of the packages that read it."""

import pytest

from enrich.domain.field_groups import GROUPS, group_of
from enrich.domain.fields import FIELDS, FieldType
from enrich.domain.normalise import (
    Context,
    Normalised,
    Relation,
    normaliser_of,
    normaliser_of_field,
)
from enrich.domain.values import Json

_T = FieldType
GERMAN = Context(region="DE", day_first=True, decimal_comma=True, currency="EUR")
AMERICAN_2011 = Context(region="US", year=2011, day_first=False)


def _read(kind: FieldType, value: Json, context: Context | None = None) -> Normalised:
    return normaliser_of(kind, context or Context()).normalise(value)


@pytest.mark.parametrize(
    ("kind", "value", "canonical", "display"),
    [
        (_T.PHONE, "(310) 246-1501", "+13102461501", "+13102461501"),
        (_T.PHONE, "0044 20 7946 0958", "+442079460958", "+442079460958"),
        (_T.PHONE, "+44 (0)20 7946 0958", "+442079460958", "+442079460958"),
        (_T.PHONE, "+4402079460958", "+442079460958", "+442079460958"),
        (_T.PHONE, "+541115 2345 6789", "+5491123456789", "+5491123456789"),
        (_T.PHONE, "+１３１０２４６１５０１", "+13102461501", "+13102461501"),
        (_T.PHONE, "310-246-1501 x12", "+13102461501", "+13102461501 ext. 12"),
        (_T.EMAIL, "Jane <J.Doe+x@Example.COM>", "j.doe+x@example.com", "J.Doe+x@example.com"),
        (_T.EMAIL, "x@münchen.de", "x@xn--mnchen-3ya.de", "x@münchen.de"),
        (_T.DOMAIN, "https://www.Example.co.uk/a", "example.co.uk", "example.co.uk"),
        (_T.DOMAIN, "acme.github.io", "acme.github.io", "acme.github.io"),
        (_T.DOMAIN, "MÜNCHEN.de", "xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        (_T.URL, "Example.com:80/a/../B/?utm_source=x", "example.com/B", "https://example.com/B"),
        (_T.URL, "http://www.example.com", "example.com", "http://www.example.com"),
        (_T.URL, "https://ch.linkedin.com/company/Acme/about?trk=1", "linkedin.com/company/acme",
         "https://ch.linkedin.com/company/Acme/about"),
        (_T.COMPANY, "The Coca-Cola Company", "cocacola", "The Coca-Cola Company"),
        (_T.COMPANY, "Coop", "coop", "Coop"),
        (_T.COMPANY, "SE", "se", "SE"),
        (_T.COMPANY, "AB Volvo", "volvo", "AB Volvo"),
        (_T.COMPANY, "Acme Co., Ltd.", "acme", "Acme Co., Ltd."),
        (_T.COMPANY, "株式会社日立製作所", "日立製作所", "株式会社日立製作所"),
        (_T.COMPANY, "China Life Insurance Company (Taiwan)", "chinalifeinsurancecompanytaiwan",
         "China Life Insurance Company (Taiwan)"),
        (_T.COUNTRY, "GER", "DE", "Germany"),
        (_T.COUNTRY, "Republic of Korea", "KR", "South Korea"),
        (_T.COUNTRY, "Korea, North", "KP", "North Korea"),
        (_T.COUNTRY, "Niger", "NE", "Niger"),
        (_T.COUNTRY, "U.S.A.[1]", "US", "United States"),
        (_T.CITY, "Palo Alto, CA", "paloalto", "Palo Alto"),
        (_T.CITY, "Palo Alto\r\nCA", "paloalto", "Palo Alto"),
        (_T.PLACE, "Palo Alto,\nCA\n", "palo alto, ca", "Palo Alto, CA"),
        (_T.TEXT, "one\x00two\x85three\n", "one two three", "one two three"),
        (_T.LIST, "0,\n", '["0"]', "0"),
        (_T.LIST, "Salt, fine\nPepper", '["pepper", "salt fine"]', "Salt, fine; Pepper"),
        (_T.LIST, "a, b; a, b", '["a", "b"]', "a; b"),
        (_T.CITY, "clevelandohio", "cleveland", "cleveland"),
        (_T.CITY, "BeijingChina", "beijing", "Beijing"),
        (_T.REGION, "CA", "california", "CA"),
        (_T.PLACE, "Paris, TX, USA", "paris, texas, US", "Paris, TX, USA"),
        (_T.PLACE, "Berlin, DE", "berlin, de", "Berlin, DE"),
        (_T.PERSON, "Doe, Dr. Jane Q., Jr.", "jane q doe jr", "Doe, Dr. Jane Q., Jr."),
        (_T.PERSON, "Jane Doe Ph.D.", "jane doe", "Jane Doe Ph.D."),
        (_T.PERSON, "毛泽东", "毛泽东", "毛泽东"),
        (_T.NAMES, "Roe, John; Doe, Jane", '["jane doe", "john roe"]', "Roe, John; Doe, Jane"),
        (_T.NAMES, ["John Roe", "Jane Doe"], '["jane doe", "john roe"]', ["John Roe", "Jane Doe"]),
        (_T.LIST, "b, a, B", '["a", "b"]', "b; a"),
        (_T.NUMBER, "5,000", "5000", "5000"),
        (_T.NUMBER, 5000, "5000", 5000),
        (_T.NUMBER, "1.234", "1.234", "1.234"),
        (_T.NUMBER, "1,001-5,000 employees", "1001..5000", "1001-5000"),
        (_T.NUMBER, "10,000+", "10000..", "10000+"),
        (_T.NUMBER, "12,34,567", "1234567", "1234567"),
        (_T.MONEY, "$3.2B", "USD 3200000000", "USD 3200000000"),
        (_T.MONEY, "€1.5 Mio.", "EUR 1500000", "EUR 1500000"),
        (_T.MONEY, "$1-5M", "USD 1000000..5000000", "USD 1000000-5000000"),
        (_T.MONEY, "3.5E9", "3500000000", "3500000000"),
        (_T.DATE, "1988", "1988", "1988"),
        (_T.DATE, "Q3 2020", "2020-Q3", "2020-Q3"),
        (_T.DATE, "the 1990's", "1990s", "1990s"),
        (_T.DATE, "3. März 2021", "2021-03-03", "2021-03-03"),
        (_T.DATE, "13/04/2021", "2021-04-13", "2021-04-13"),
        (_T.DATE, "5 May", "--05-05", "--05-05"),
        (_T.DATE, "2005-01-01T00:00:00.000+01:00", "2005-01-01", "2005-01-01"),
        (_T.YEAR, "c. 1998", "1998", "1998"),
        (_T.YEAR, 1998.0, "1998", 1998.0),
        (_T.IDENTIFIER, "https://www.wikidata.org/wiki/Q95", "Q95", "Q95"),
        (_T.IDENTIFIER, "DE 123.456.789", "DE123456789", "DE 123.456.789"),
        (_T.CODE, "brk.b", "BRKB", "BRK.B"),
        (_T.CODE, "Europe/Paris", "EUROPEPARIS", "Europe/Paris"),
        (_T.INDUSTRY_CODE, "62.01z", "6201Z", "62.01Z"),
        (_T.CATEGORY, "Oil &amp; Gas (upstream)", "oil and gas", "Oil & Gas (upstream)"),
        (_T.FLAG, "Ja", "true", "true"),
        (_T.FLAG, False, "false", False),
        (_T.NAME, "Łukasz", "lukasz", "Łukasz"),
        (_T.TEXT, "  Some\u00a0 text. ", "some text", "Some text."),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str | int | float) else None,
)  # fmt: skip
def test_a_value_has_a_form_to_compare_and_one_to_show(
    kind: FieldType, value: Json, canonical: str, display: Json
) -> None:
    assert _read(kind, value) == Normalised(canonical, display, value)


@pytest.mark.parametrize(
    ("kind", "value", "context", "canonical"),
    [
        (_T.PHONE, "030 901820", GERMAN, "+4930901820"),
        (_T.PHONE, "0044 20 7946 0958", AMERICAN_2011, "+442079460958"),
        (_T.NUMBER, "1.234", GERMAN, "1234"),
        (_T.MONEY, "1.234,50", GERMAN, "EUR 1234.5"),
        (_T.DATE, "03/04/2021", GERMAN, "2021-04-03"),
        (_T.DATE, "12/1/11 3:04 PM (-05:00)", AMERICAN_2011, "2011-12-01T15:04"),
        (_T.DATE, "3:04 PMDec 01", AMERICAN_2011, "2011-12-01T15:04"),
        (_T.DATE, "2:55pDec 1", AMERICAN_2011, "2011-12-01T14:55"),
        (_T.DATE, "Thu., Dec.01, 2011 11:40 a.m.", AMERICAN_2011, "2011-12-01T11:40"),
        (_T.DATE, "1:30 PM, Dec 02&nbsp(Estimated)", AMERICAN_2011, "2011-12-02T13:30"),
    ],
    ids=str,
)
def test_what_else_is_known_decides_how_a_value_is_read(
    kind: FieldType, value: str, context: Context, canonical: str
) -> None:
    assert _read(kind, value, context).canonical == canonical


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        (_T.PHONE, "call me", "is no phone number with its country"),
        (_T.PHONE, "+1 310 246", "has too many or too few digits for a phone number"),
        (_T.PHONE, "030 901820 / 030 901821", "is no phone number with its country"),
        (_T.EMAIL, "jane at example.com", "is no e-mail address"),
        (_T.DOMAIN, "192.168.1.5", "names no host of the internet"),
        (_T.DOMAIN, "co.uk", "is no domain that somebody can own"),
        (_T.URL, "javascript:alert(1)", "is no address of the web"),
        (_T.COUNTRY, "Congo", "is the name of no country, or of two"),
        (_T.CITY, "50 Prospect Ave, Tarrytown", "is an address, no city"),
        (_T.NUMBER, "1,23,4", "is not one number"),
        (_T.MONEY, "1.5 km", "is not one amount of money"),
        (_T.DATE, "yesterday", "is no date"),
        (_T.DATE, "03/04/2021", "could be two dates: day and month may be swapped"),
        (_T.DATE, "2021-02-30", "is no day of the calendar"),
        (_T.DATE, "2021-02-20T25:00", "holds no time of day"),
        (_T.YEAR, "1928 as Galvin, 2011", "names several years"),
        (_T.INDUSTRY_CODE, "software", "is no industry code"),
        (_T.FLAG, "perhaps", "is neither yes nor no"),
        (_T.NUMBER, {"low": 1}, "holds several values"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_read_says_why_and_equals_no_readable_one(
    kind: FieldType, value: Json, problem: str
) -> None:
    read = _read(kind, value)

    assert read.problem == problem
    assert read.display == value


@pytest.mark.parametrize("value", ["n/a", "-", "", " NULL ", "?", None, [], "not available"])
@pytest.mark.parametrize("kind", list(FieldType), ids=str)
def test_what_stands_for_no_value_is_empty(kind: FieldType, value: Json) -> None:
    read = _read(kind, value)

    assert read.is_empty
    assert (read.canonical, read.display) == ("", None)


@pytest.mark.parametrize(
    ("kind", "one", "other", "relation"),
    [
        (_T.COMPANY, "Acme Inc.", "The ACME Group", Relation.SAME),
        (_T.COMPANY, "Banco de Sabadell", "Banco Sabadell", Relation.NEAR),
        (_T.COMPANY, "Air China", "Air Canada", Relation.DIFFERENT),
        (_T.COMPANY, "Bank of America", "Bank of Americas", Relation.NEAR),
        (_T.PERSON, "J. Doe", "Jane Doe", Relation.NEAR),
        (_T.PERSON, "Jane Q. Doe", "Doe, Jane", Relation.NEAR),
        (_T.PERSON, "Jane Doe", "John Doe", Relation.DIFFERENT),
        (_T.PLACE, "Palo Alto, California, USA", "USA", Relation.FIRST_WITHIN_SECOND),
        (_T.PLACE, "California", "Palo Alto, California", Relation.SECOND_WITHIN_FIRST),
        (_T.PLACE, "Palo Alto", "Palo Alto, CA", Relation.NEAR),
        (_T.PLACE, "Palo Alto, California, USA", "Palo Alto, CA", Relation.NEAR),
        (_T.PLACE, "Paris, TX", "Paris, FR", Relation.DIFFERENT),
        (_T.PLACE, "Ghur, Afghanistan, Asia", "Afghanistan", Relation.FIRST_WITHIN_SECOND),
        (_T.PLACE, "Atlanta, Georgia, USA", "Georgia, USA", Relation.FIRST_WITHIN_SECOND),
        (_T.PLACE, "Zürich", "Switzerland", Relation.FIRST_WITHIN_SECOND),
        (_T.PLACE, "Ohio", "Cleveland", Relation.SECOND_WITHIN_FIRST),
        (_T.PLACE, "Zürich", "France", Relation.DIFFERENT),
        (_T.NUMBER, 3000, "1,001-5,000", Relation.FIRST_WITHIN_SECOND),
        (_T.NUMBER, "10,000+", 25_000, Relation.SECOND_WITHIN_FIRST),
        (_T.NUMBER, 100, 103, Relation.NEAR),
        (_T.NUMBER, 100, 140, Relation.DIFFERENT),
        (_T.MONEY, "$5M", "EUR 5M", Relation.DIFFERENT),
        (_T.MONEY, "$5M", "5000000", Relation.NEAR),
        (_T.DATE, "2020-05-04", "May 2020", Relation.FIRST_WITHIN_SECOND),
        (_T.DATE, "Q2 2020", "2020-05", Relation.SECOND_WITHIN_FIRST),
        (_T.DATE, "2020-05-04", "1990s", Relation.DIFFERENT),
        (_T.DATE, "2020-05-04T10:00", "2020-05-04 10:09", Relation.NEAR),
        (_T.DATE, "2020-05-04T10:00", "2020-05-04 10:30", Relation.DIFFERENT),
        (_T.YEAR, 1998, "1999", Relation.NEAR),
        (_T.PHONE, "+13102461501 ext. 12", "310-246-1501", Relation.SAME),
        (_T.PHONE, "+13102461501", "+13102461502", Relation.DIFFERENT),
        (_T.URL, "acme.com/about", "https://www.acme.com", Relation.FIRST_WITHIN_SECOND),
        (_T.INDUSTRY_CODE, "62.01", "62", Relation.FIRST_WITHIN_SECOND),
        (_T.NAMES, "Jane Doe", ["John Roe", "Jane Doe"], Relation.FIRST_WITHIN_SECOND),
        (_T.CATEGORY, "Software Development", "development, software", Relation.NEAR),
        (_T.EMAIL, "a@b.com", "not an address", Relation.DIFFERENT),
    ],
    ids=str,
)
def test_values_stand_to_each_other_as_a_person_would_say(
    kind: FieldType, one: Json, other: Json, relation: Relation
) -> None:
    assert normaliser_of(kind).compare(one, other).relation is relation


@pytest.mark.parametrize(
    ("field", "kind"), [("founded", _T.YEAR), ("assets", _T.MONEY), ("no_such_field", _T.TEXT)]
)
def test_a_field_is_read_by_its_type_and_text_when_it_is_unknown(
    field: str, kind: FieldType
) -> None:
    assert normaliser_of_field(field).type is kind


@pytest.mark.parametrize("group", GROUPS.values(), ids=list(GROUPS))
def test_groups_name_known_fields(group: tuple[str, ...]) -> None:
    assert set(group) <= FIELDS.keys()


def test_a_city_and_its_postal_code_should_come_from_one_source() -> None:
    assert group_of("city") == group_of("postal_code") == "place"
    assert group_of("industry") is None


def test_a_letter_that_parts_names_elsewhere_may_be_one() -> None:
    assert normaliser_of(FieldType.NAMES).normalise("Y").display == "Y"


def test_letters_that_are_composed_otherwise_are_the_same_identifier() -> None:
    assert normaliser_of(FieldType.IDENTIFIER).same("\u1f71", "\u03ac")
