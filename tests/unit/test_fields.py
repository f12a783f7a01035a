"""The vocabulary and what it makes of headers."""

import re

import pytest

from enrich.domain.fields import FIELDS, column_key, field_of_header, fields_of_headers


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Security", "company_name"),
        ("Company Name", "company_name"),
        ("companyName", "company_name"),
        ("Symbol", "ticker"),
        ("Headquarters Location", "headquarters"),
        ("Web site", "website"),
        ("E-Mail", "email"),
        ("Telefon", "phone"),
        ("GICS Sub-Industry", "industry"),
        ("first", "first_name"),
        ("Vorname", "first_name"),
        ("Firma", "company_name"),
        ("Unternehmen", "company_name"),
        ("Société", "company_name"),
        ("Entreprise", "company_name"),
        ("Mitarbeiter", "employees"),
        ("Nombre d'employés", "employees"),
        ("Gründungsjahr", "founded"),
        ("Chiffre d’affaires", "revenue"),
        ("País", "country"),
        (" TIME_ZONE ", "time_zone"),
    ],
    ids=str,
)
def test_a_usual_header_means_its_field(header: str, field: str) -> None:
    assert field_of_header(header) == field


@pytest.mark.parametrize("header", ["name", "id", "Date added", "", "会社"], ids=repr)
def test_an_ambiguous_or_unknown_header_means_no_field(header: str) -> None:
    assert field_of_header(header) is None


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        (("name", "ticker"), "company_name"),
        (("name", "birthday"), "full_name"),
        (("name", "company"), "full_name"),
        (("name", "birthday", "ticker"), None),
        (("name",), None),
    ],
    ids=str,
)
def test_other_headers_decide_what_name_means(headers: tuple[str, ...], field: str | None) -> None:
    assert fields_of_headers(headers)[0] == field


def test_the_first_of_two_columns_keeps_a_field() -> None:
    assert fields_of_headers(("Phone", "Telephone")) == ("phone", None)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Web site", "web_site"),
        ("2020 Umsätze (€)", "_2020_umsatze"),
        ("Größe", "grosse"),
        ("会社", "column"),
        ("'; drop table rows; --", "drop_table_rows"),
        ("x" * 100, "x" * 63),
        ("İstanbul", "istanbul"),
    ],
    ids=str,
)
def test_a_header_becomes_a_safe_key(header: str, key: str) -> None:
    assert column_key(header) == key


def test_every_field_has_a_safe_name_and_a_meaning() -> None:
    wrong = [
        field
        for field in FIELDS.values()
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", field.name) or not field.meaning
    ]

    assert wrong == []


def test_every_field_is_found_by_its_own_name() -> None:
    assert [name for name in FIELDS if field_of_header(name) != name] == []
