"""What a spreadsheet would run leaves as text, and comes back as it was (V09, V10)."""

import io

import pytest

from enrich.domain.values import Json, JsonObject
from enrich.engine.tablefile import Export, write_csv
from enrich.engine.tablefile.guard import guarded_cells, needs_guard, unguarded


def _csv(*rows: JsonObject, field: str = "note") -> list[str]:
    fields = {"id": "id", "value": field}
    guarded = any(guarded_cells(row, fields) for row in rows)
    export = Export(names=tuple(fields), fields=fields, guarded=guarded, rows=lambda: iter(rows))
    target = io.StringIO()
    write_csv(export, target)
    return target.getvalue().splitlines()


@pytest.mark.parametrize(
    "text",
    ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "\rx", "＝x", "＋x", "－x", "＠x", "\0x", "=", "-"],
)
def test_text_that_looks_like_a_formula_is_guarded(text: str) -> None:
    assert needs_guard(text, "note")


@pytest.mark.parametrize("value", ["", "x=1", " =x", "'=x", -12.5, 7, True, None, ["=x"]])
def test_other_values_are_not_guarded(value: Json) -> None:
    assert not needs_guard(value, "note")


@pytest.mark.parametrize(
    ("value", "field", "written"),
    [
        pytest.param(-12.5, "note", "-12.5", id="V10-number"),
        pytest.param("-12.5", "revenue", '"-12.5"', id="V10-text-in-a-numeric-column"),
        pytest.param("-12.5", "note", '"\'-12.5"', id="V10-text-elsewhere"),
        pytest.param("+41443643533", "phone", '"\'+41443643533"', id="phone-is-no-number"),
        pytest.param("-1+cmd", "revenue", '"\'-1+cmd"', id="formula-in-a-numeric-column"),
        pytest.param(True, "note", '"true"', id="flag"),
        pytest.param(["a", "b"], "note", '"[""a"", ""b""]"', id="list"),
        pytest.param(None, "note", '""', id="nothing"),
    ],
)
def test_value_is_written_as(value: Json, field: str, written: str) -> None:
    lines = _csv({"id": "1", "value": value}, field=field)

    assert lines[1].split(",", 1)[1].removesuffix(',"value"') == written


def test_marker_column_is_there_only_when_something_is_guarded() -> None:
    assert _csv({"id": "1", "value": "x"})[0] == '"id","value"'
    assert _csv({"id": "1", "value": "=x"})[0] == '"id","value","_guarded"'


def test_only_marked_apostrophes_are_taken_off() -> None:
    values = {"a": "'=x", "b": "'=x", "c": "edited"}

    assert unguarded(values, "a c") == {"a": "=x", "b": "'=x", "c": "edited"}
