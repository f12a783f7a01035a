"""The sample table."""

import pytest

from enrich.domain.fields import field_of_header
from providers.registry import providers
from providers.sample import COLUMNS, KEY, sample_phone, sample_rows
from tests.asking import values_of


def test_the_sample_is_the_same_each_time() -> None:
    assert list(sample_rows(20)) == list(sample_rows(20))


def test_the_sample_has_enough_rows_with_keys_of_their_own() -> None:
    rows = list(sample_rows())

    assert len({row[KEY] for row in rows}) == len(rows) >= 240
    assert {tuple(row) for row in rows} == {COLUMNS}


def test_every_row_names_a_company_and_some_cells_are_left_out() -> None:
    rows = list(sample_rows())

    assert all(row["company"].strip() for row in rows)
    assert all(any(not row[column] for row in rows) for column in ("email", "phone", "hq"))


def test_its_columns_are_recognised() -> None:
    fields = [field_of_header(column) for column in COLUMNS[1:]]

    assert fields == ["company_name", "email", "phone", "headquarters"]


def test_most_of_its_messy_names_are_found() -> None:
    facts = providers()["company_facts"]
    rows = list(sample_rows())
    found = [row for row in rows if values_of(facts, company_name=row["company"])]

    assert len(found) > 0.9 * len(rows)


@pytest.mark.parametrize("country", ["US", "GB", "JP", "DE"], ids=str)
def test_a_sample_number_is_valid(country: str) -> None:
    found = values_of(providers()["phone_numbers"], phone=sample_phone(country))

    assert found["phone_country"] == values_of(providers()["countries"], country=country)["country"]


def test_a_country_without_a_plan_has_no_sample_number() -> None:
    assert sample_phone("ZZ") == ""
    assert sample_phone("") == ""
