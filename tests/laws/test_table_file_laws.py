"""What is exported can be imported again, whatever the texts hold."""

import csv
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given
from hypothesis import strategies as st

from enrich.domain.values import JsonObject
from enrich.engine.tablefile import Export, open_table, write_csv, write_jsonl
from enrich.engine.tablefile.guard import guarded_cells

_FORMULA_STARTS = frozenset("=+-@\t\r＝＋－＠")
_FIELDS = {"id": "id", "note": "note", "employees": "employees"}

_storable = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
_risky = st.builds(
    "{}{}".format,
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "'", "'=", "\n=", ""]),
    _storable,
)
_texts = st.one_of(_risky, st.sampled_from(['"', ',"', "\r\n", ";", "_guarded", "-12.5", "''="]))
_rows = st.lists(
    st.fixed_dictionaries({"id": st.uuids().map(str), "note": _texts, "employees": _texts}),
    min_size=1,
    max_size=8,
)


def _export(rows: list[JsonObject]) -> Export:
    guarded = any(guarded_cells(row, _FIELDS) for row in rows)
    return Export(names=tuple(_FIELDS), fields=_FIELDS, guarded=guarded, rows=lambda: iter(rows))


@contextmanager
def _file(text: str, suffix: str) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(suffix=suffix, mode="wb", delete=False) as file:
        file.write(text.encode())
    try:
        yield file.name
    finally:
        os.unlink(file.name)  # noqa: PTH108 - no path object is at hand


@given(_rows)
def test_csv_export_imports_as_the_same_texts(rows: list[JsonObject]) -> None:
    target = io.StringIO(newline="")

    write_csv(_export(rows), target)

    with _file(target.getvalue(), ".csv") as path, open_table(path, delimiter=",") as file:
        assert [record.values for record in file.records()] == rows


@given(_rows)
def test_no_quoted_text_of_a_csv_export_begins_like_a_formula(rows: list[JsonObject]) -> None:
    target = io.StringIO(newline="")

    write_csv(_export(rows), target)

    written = csv.DictReader(io.StringIO(target.getvalue(), newline=""))
    assert [row["note"][:1] for row in written if row["note"][:1] in _FORMULA_STARTS] == []


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_storable, inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.fixed_dictionaries({"id": st.uuids().map(str), "note": _json}), min_size=1))
def test_json_lines_export_imports_as_the_same_values(rows: list[JsonObject]) -> None:
    target = io.StringIO(newline="")

    write_jsonl(_export(rows), target)

    known = [{k: v for k, v in row.items() if v is not None} for row in rows]
    with _file(target.getvalue(), ".jsonl") as path, open_table(path) as file:
        assert [record.values for record in file.records()] == known
