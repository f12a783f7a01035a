"""Laws that every normaliser obeys, whatever the value."""

from datetime import date
from decimal import Decimal

import pytest
from babel.dates import format_date
from babel.numbers import format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberFormat, format_number, parse

from enrich.domain.fields import FieldType
from enrich.domain.normalise import Context, Relation, normaliser_of
from enrich.domain.values import Json

#: Texts that look like what the readers look for, and ones that only nearly do.
_SEEMINGLY = st.sampled_from(
    [
        "+1 (310) 246-1501", "0044 20 7946 0958", "+54 11 15 2345 6789", "310-246-1501 x12",
        "Jane <J.Doe@Example.com>", "a@b", "https://www.Example.co.uk/a/../B?utm_source=1&b=2#c",
        "acme.github.io", "192.168.1.5", "http://[", "The Acme Co., Ltd.", "SE", "AB Volvo",
        "Deutschland", "Republic of Korea", "Palo Alto, CA", "pittsburghpennsylvania", "a/b",
        "$1M - $5M", "1.234,5", "10,000+ employees", "<= 5", "-5..-3", "1e999", "12.5 %",
        "Q3 2020", "1990s", "Dec 01 - 2:55pm", "2005-01-01T00:00:00.000+01:00", "--02-29",
        "03/04/2021", "Doe, Jane, Jr.", "Dr.", "A and B; C", "n/a", "İ", "Straße", "٣", "²",
        "株式会社", "(", "Jane (", "x@münchen.de", "1" * 400,
        "0\n0", "0,\n", "a\x00b", "a\r\nb, c|",
    ]
)  # fmt: skip
_ALPHABET = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z", "Cc"])
_TEXTS = st.one_of(_SEEMINGLY, st.text(_ALPHABET, max_size=20))
_SCALARS = st.one_of(
    _TEXTS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
_VALUES: st.SearchStrategy[Json] = st.one_of(
    _SCALARS, st.lists(_SCALARS, max_size=4), st.dictionaries(st.text(max_size=3), _SCALARS)
)
_CONTEXTS = st.sampled_from(
    [
        Context(),
        Context(region="GB", year=2024, day_first=True, decimal_comma=True, currency="EUR"),
        Context(region="US", day_first=False),
    ]
)
_KINDS = pytest.mark.parametrize("kind", list(FieldType), ids=str)


@_KINDS
@given(_VALUES, _CONTEXTS)
@settings(max_examples=20, deadline=None)
def test_normalising_what_is_shown_changes_nothing(
    kind: FieldType, value: Json, context: Context
) -> None:
    normaliser = normaliser_of(kind, context)

    once = normaliser.normalise(value)
    again = normaliser.normalise(once.display)

    assert once.raw == value
    assert (again.canonical, again.display) == (once.canonical, once.display)


@_KINDS
@given(_VALUES, _VALUES)
@settings(max_examples=12, deadline=None)
def test_likeness_is_the_same_from_both_sides(kind: FieldType, one: Json, other: Json) -> None:
    normaliser = normaliser_of(kind)
    mirrored = {
        Relation.FIRST_WITHIN_SECOND: Relation.SECOND_WITHIN_FIRST,
        Relation.SECOND_WITHIN_FIRST: Relation.FIRST_WITHIN_SECOND,
    }

    there, back = normaliser.compare(one, other), normaliser.compare(other, one)

    assert there.relation == mirrored.get(back.relation, back.relation)
    assert there.similarity == pytest.approx(back.similarity)
    assert 0 <= there.similarity <= 1
    assert (there.relation is Relation.SAME) == normaliser.same(one, other)


@given(st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)), st.text("0123456789", max_size=12))
@settings(max_examples=60, deadline=None)
def test_numbers_taken_as_they_are_are_left_as_they_are_by_the_package(
    code: int, rest: str
) -> None:
    text = f"+{code}{rest}"

    read = normaliser_of(FieldType.PHONE).normalise(text)

    assert read.problem or read.canonical == format_number(parse(text), PhoneNumberFormat.E164)


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from(["en", "de", "fr", "es", "de_CH"]))
@settings(max_examples=50, deadline=None)
def test_a_number_is_the_same_however_its_country_groups_it(number: Decimal, locale: str) -> None:
    comma = Context(decimal_comma=locale not in ("en", "de_CH"))
    text = format_decimal(number, locale=locale, decimal_quantization=False)

    assert normaliser_of(FieldType.NUMBER, comma).same(text, f"{number:,.2f}")


@given(st.dates(date(1500, 1, 1)), st.sampled_from(["en", "de", "fr", "es", "it", "nl", "sv"]))
@settings(max_examples=50, deadline=None)
def test_a_day_is_the_same_in_every_language(day: date, locale: str) -> None:
    written = format_date(day, "d MMMM yyyy", locale=locale)

    assert normaliser_of(FieldType.DATE).same(written, day.isoformat())
