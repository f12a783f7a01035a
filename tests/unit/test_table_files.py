"""A table file is read whole or refused with one sentence (V01 to V12)."""

from pathlib import Path

import pytest

from enrich.engine.tablefile import Limits, open_table
from enrich.errors import BadFileError, BadInputError


def _write(folder: Path, content: bytes | str, name: str = "people.csv") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def _rows(path: str, **options: str) -> list[dict[str, object]]:
    with open_table(path, **options) as file:
        return [record.values for record in file.records()]


def _complaint(path: str, limits: Limits | None = None) -> str:
    with pytest.raises(BadFileError) as caught, open_table(path, limits=limits) as file:
        list(file.records())
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "is empty", id="V01-empty"),
        pytest.param("\n\n", "is empty", id="V01-blank-lines"),
        pytest.param("1,2,3\n4,5,6\n", "looks like a row", id="V01-no-header"),
        pytest.param("a@b.ch,Ann\n", "looks like a row", id="V01-mail-as-header"),
        pytest.param("id,name,Name\n1,2,3\n", "column 'Name' is there twice", id="V02-duplicate"),
        pytest.param("id,,name\n1,2,3\n", "column 2 has no name", id="V02-blank"),
        pytest.param(",".join(f"c{n}" for n in range(1000)), "has 1000 columns", id="V02-many"),
        pytest.param("id,name\n1\n2,b\n3,c,d\n", "line 2 has 1, line 4 has 3", id="V03-width"),
        pytest.param('id,name\n1,a\n2,"b\n3,c\n', "line 3: opens a quote", id="V04-quote"),
        pytest.param('id,a\n1,"x\ny"\n2,"x\n","z\n', "line 5: opens a quote", id="V04-late"),
        pytest.param('id,a\n1,"x" y\n', "line 2: has a quote in the wrong place", id="V04-inner"),
        pytest.param("id,a\n1,b\n2," + "x" * 200_000, "line 3: holds a field of more", id="V05"),
        pytest.param('id,a\n1,"' + "x\n" * 90_000, "never closed?", id="V05-unclosed"),
        pytest.param("id,a\n1,b\n2,c\0d\n", "line 3: holds a NUL character", id="V06"),
        pytest.param("id,a\n1,b\n2,Zürich\n".encode("latin-1"), "line 3: is not UTF-8", id="V07"),
        pytest.param(b"\x1f\x8b\x08\x00rest", "is packed (gzip)", id="V11-gzip"),
        pytest.param(b"PK\x03\x04rest", "is packed (zip", id="V11-spreadsheet"),
    ],
)
def test_broken_file_is_refused_with_one_sentence(
    tmp_path: Path, content: bytes | str, said: str
) -> None:
    complaint = _complaint(_write(tmp_path, content))

    assert said in complaint
    assert "\n" not in complaint


def test_latin_1_is_refused_with_the_way_out_and_read_when_it_is_given(tmp_path: Path) -> None:
    path = _write(tmp_path, "id,a\n1,Zürich\n".encode("latin-1"))

    assert "give --encoding latin-1" in _complaint(path)
    assert _rows(path, encoding="latin-1") == [{"id": "1", "a": "Zürich"}]


def test_at_most_twenty_lines_of_a_wrong_width_are_named(tmp_path: Path) -> None:
    complaint = _complaint(_write(tmp_path, "a,b\n" + "1\n" * 50))

    assert complaint.count("has 1") == 20
    assert complaint.endswith("…")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("id,name\n1,Zoë\n", id="comma"),
        pytest.param("id;name\n1;Zoë\n", id="V08-semicolon"),
        pytest.param("id\tname\n1\tZoë\n", id="V08-tab"),
        pytest.param("id|name\n1|Zoë\n", id="V08-pipe"),
        pytest.param("id,name\r\n1,Zoë\r\n", id="V08-crlf"),
        pytest.param("id,name\r1,Zoë\r", id="V08-cr"),
        pytest.param("id,name\r\n\n1,Zoë", id="V08-mixed-blank-no-end"),
        pytest.param('"id","name"\n"1","Zoë"\n', id="V08-quoted"),
        pytest.param("\ufeffid,name\n1,Zoë\n", id="V07-bom"),
        pytest.param("id,name\n1,Zoë\n".encode("utf-16"), id="V07-utf-16"),
        pytest.param("\ufeffid,name\n1,Zoë\n".encode("utf-16-be"), id="V07-utf-16-be"),
        pytest.param("\ufeffid,name\n1,Zoë\n".encode("utf-32-le"), id="V07-utf-32"),
    ],
)
def test_same_rows_whatever_the_separator_line_end_and_encoding(
    tmp_path: Path, content: bytes | str
) -> None:
    assert _rows(_write(tmp_path, content)) == [{"id": "1", "name": "Zoë"}]


def test_semicolons_win_over_decimal_commas(tmp_path: Path) -> None:
    path = _write(tmp_path, "id;revenue, EUR;share\n1;3,5;0,2\n2;4,5;0,3\n")

    assert _rows(path)[0] == {"id": "1", "revenue, EUR": "3,5", "share": "0,2"}


def test_quoted_line_ends_stay_in_the_value_and_lines_are_counted(tmp_path: Path) -> None:
    path = _write(tmp_path, 'id,a\n1,"x\r\ny\rz"\n2,b\n')

    with open_table(path) as file:
        records = list(file.records())

    assert [record.line for record in records] == [2, 5]
    assert records[0].values["a"] == "x\r\ny\rz"


def test_rows_can_be_read_again(tmp_path: Path) -> None:
    with open_table(_write(tmp_path, "id\n1\n2\n")) as file:
        first, second = list(file.records()), list(file.records())

    assert first == second
    assert len(first) == 2


@pytest.mark.parametrize("count", [1, 49, 50, 51, 5000])
def test_no_row_is_lost_however_many_there_are(tmp_path: Path, count: int) -> None:
    path = _write(tmp_path, "id\n" + "".join(f"{n}\n" for n in range(count)))

    assert [row["id"] for row in _rows(path)] == [str(n) for n in range(count)]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        pytest.param(Limits(file_bytes=11), "is larger than 11 bytes", id="V11-bytes"),
        pytest.param(Limits(rows=2), "holds more than 2 rows", id="V11-rows"),
        pytest.param(Limits(line_chars=2), "is longer than 2 characters", id="V11-line"),
    ],
)
def test_file_over_a_limit_is_refused(tmp_path: Path, limits: Limits, said: str) -> None:
    assert said in _complaint(_write(tmp_path, "id,a\n1,a\n2,b\n3,c\n"), limits)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("/nowhere/at/all.csv", "there is no such file", id="V12-missing"),
        pytest.param("/tmp", "is a directory", id="V12-directory"),
        pytest.param("/dev/zero", "is a pipe or a device", id="V12-device"),
    ],
)
def test_what_is_no_file_is_refused(path: str, said: str) -> None:
    assert said in _complaint(path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("[1]", "is not a JSON object", id="array"),
        pytest.param('{"a": ', "Expecting value", id="cut"),
        pytest.param('{"a": NaN}', "NaN is no number", id="nan"),
        pytest.param('{"a": 1e999}', "a number is too large", id="infinite"),
        pytest.param('{"a": "\\u0000"}', "NUL", id="nul"),
        pytest.param('{"a": "\\ud800"}', "surrogate", id="surrogate"),
        pytest.param("[" * 100_000, "nested too deeply", id="deep"),
    ],
)
def test_json_line_that_cannot_be_stored_is_refused(tmp_path: Path, line: str, said: str) -> None:
    path = _write(tmp_path, f'{{"a": 1}}\n{line}\n', "rows.jsonl")

    complaint = _complaint(path)

    assert said in complaint
    assert "line 2" in complaint


def test_json_lines_may_have_different_fields(tmp_path: Path) -> None:
    path = _write(tmp_path, '{"a": 1}\n\n{"b": ["x"], "a": null}\n', "rows.ndjson")

    with open_table(path) as file:
        assert file.headers == ("a", "b")
        assert [r.values for r in file.records()] == [{"a": 1}, {"b": ["x"], "a": None}]


@pytest.mark.parametrize("delimiter", ["a", "ab", '"', " ", "\n"])
def test_delimiter_that_cannot_separate_is_bad_usage(tmp_path: Path, delimiter: str) -> None:
    path = _write(tmp_path, "id,a\n1,2\n")

    with pytest.raises(BadInputError, match="cannot separate fields"):
        _rows(path, delimiter=delimiter)


def test_unknown_encoding_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no text encoding 'klingon'"):
        _rows(_write(tmp_path, "id\n1\n"), encoding="klingon")
