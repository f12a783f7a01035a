"""The type of a field outside the vocabulary, from its values alone."""

import pytest

from enrich.domain.fields import FieldType
from enrich.domain.normalise import (
    Context,
    inferred_context,
    inferred_normaliser,
    inferred_type,
)
from enrich.domain.values import Json

_T = FieldType


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a@b.com", "c@d.org", "e@f.net"], _T.EMAIL),
        (["https://a.com/x", "www.b.com", "http://c.com"], _T.URL),
        (["acme.com", "x.io", "foo.co.uk"], _T.DOMAIN),
        (["+41 44 668 18 00", "(310) 246-1501", "310-246-1501"], _T.PHONE),
        (["2020", "1999", 1987], _T.YEAR),
        (["54.2", "3", 5, 7.5], _T.NUMBER),
        (["1-10", "11-50", "10,000+"], _T.NUMBER),
        (["$5", "$6.5M", "€3"], _T.MONEY),
        (["2020-01-05", "3 May 2021", "12/31/2020 3:04 PM"], _T.DATE),
        (["DE", "France", "United States"], _T.COUNTRY),
        (["0123", "007", "0001"], _T.CODE),
        ([True, False, True], _T.FLAG),
        ([["a"], ["b", "c"], []], _T.TEXT),
        ([["a"], ["b", "c"], ["d"]], _T.LIST),
        (["K7", "17", "C 3"], _T.TEXT),
        (["some words", "other words", "more"], _T.TEXT),
        (["a@b.com", "n/a", None, "-"], _T.TEXT),
    ],
    ids=str,
)
def test_type_is_that_of_nearly_all_values(values: list[Json], kind: FieldType) -> None:
    assert inferred_type(values) is kind


@pytest.mark.parametrize(
    ("values", "day_first"),
    [
        (["03/04/2021", "13/04/2021"], True),
        (["03/04/2021", "04/13/2021"], False),
        (["03/04/2021"], None),
        (["13/04/2021", "04/13/2021"], None),
    ],
    ids=["day", "month", "open", "contradictory"],
)
def test_one_date_tells_the_order_of_all(values: list[Json], day_first: bool | None) -> None:
    assert inferred_context(values).day_first is day_first


def test_a_known_order_of_dates_stays() -> None:
    assert inferred_context(["13/04/2021"], Context(day_first=False)).day_first is False


def test_an_unknown_field_is_read_by_what_its_values_are() -> None:
    normaliser = inferred_normaliser(["12/31/2020", "03/04/2021", "01/02/2021"])

    assert normaliser.normalise("03/04/2021").canonical == "2021-03-04"
