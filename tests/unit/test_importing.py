"""A file becomes rows, or one sentence says why not and nothing is stored."""

import io
from pathlib import Path

import pytest

from enrich.domain.table import CellState, CellWrite, Column, Overwrite, Provenance, Stamp
from enrich.engine.tablefile import (
    ImportReport,
    import_table,
    open_table,
    parse_mapping,
    plan_import,
    prepare_export,
    write_csv,
    write_jsonl,
)
from enrich.errors import BadFileError, BadInputError, UnknownNameError
from enrich.ports import RowStore
from enrich.store.memory import MemoryRowStore

_COMPANIES = "Symbol,Company,Site\nMMM,3M,\nABT,Abbott,abbott.com\n"


@pytest.fixture
def rows() -> RowStore:
    return MemoryRowStore()


def _import(
    rows: RowStore, folder: Path, content: str, *, name: str = "t.csv", **options: object
) -> ImportReport:
    path = folder / name
    path.write_bytes(content.encode())
    with open_table(str(path)) as file:
        return import_table(file, rows=rows, tenant="default", table="t", **options)


def _export(rows: RowStore, *, provenance: bool = False, lines: bool = False) -> str:
    export = prepare_export(rows, tenant="default", table="t", provenance=provenance)
    target = io.StringIO(newline="")
    (write_jsonl if lines else write_csv)(export, target)
    return target.getvalue()


def _enrich(rows: RowStore, key: str, column: str, value: object) -> None:
    rows.save_columns("default", "t", [Column(key=column, field=column, enriched=True, position=9)])
    (row,) = rows.read("default", "t", [key])
    told = Provenance(
        state=CellState.FILLED, stamp=Stamp(0, 1), provider="somebody", confidence=0.9
    )
    rows.write_cells(
        "default", "t", [CellWrite(row=row.id, column=column, provenance=told, value=value)]
    )


def test_headers_become_columns_with_the_fields_that_they_mean(
    rows: RowStore, tmp_path: Path
) -> None:
    report = _import(rows, tmp_path, _COMPANIES)

    columns = rows.table("default", "t").columns
    assert [(c.key, c.field) for c in columns] == [
        ("symbol", "ticker"),
        ("company", "company_name"),
        ("site", "website"),
    ]
    assert (report.plan.key, report.rows, report.inserted) == ("Symbol", 2, 2)


def test_blank_cells_are_not_values(rows: RowStore, tmp_path: Path) -> None:
    _import(rows, tmp_path, _COMPANIES)

    (row,) = rows.read("default", "t", ["MMM"])
    assert row.data == {"symbol": "MMM", "company": "3M"}


def test_rows_are_numbered_when_no_column_names_them(rows: RowStore, tmp_path: Path) -> None:
    report = _import(rows, tmp_path, "company,city\n3M,Saint Paul\n3M,Saint Paul\n")

    assert report.plan.key is None
    assert [row.key for row in rows.scan("default", "t")] == ["1", "2"]


def test_a_new_column_beside_one_of_its_field_is_told_of(rows: RowStore, tmp_path: Path) -> None:
    _import(rows, tmp_path, _COMPANIES)

    report = _import(rows, tmp_path, "Symbol,Company,Homepage\nMMM,3M,3m.com\n")

    told = {planned.column.key: planned.beside for planned in report.plan.columns}
    assert told == {"symbol": "", "company": "", "homepage": "site"}


def test_second_import_of_the_same_file_changes_nothing(rows: RowStore, tmp_path: Path) -> None:
    _import(rows, tmp_path, _COMPANIES)

    report = _import(rows, tmp_path, _COMPANIES)

    assert (report.inserted, report.changed, report.same) == (0, 0, 2)


@pytest.mark.parametrize("lines", [False, True], ids=["csv", "jsonl"])
@pytest.mark.parametrize("value", ["=1+1", "'=x", 7, -1.5, True, ["a", "b"], {"a": 1}, "tab\there"])
def test_import_of_an_export_makes_nobody_the_author_of_what_a_provider_said(
    rows: RowStore, tmp_path: Path, *, value: object, lines: bool
) -> None:
    _import(rows, tmp_path, _COMPANIES)
    _enrich(rows, "MMM", "industry", value)

    name = "back.jsonl" if lines else "back.csv"
    report = _import(rows, tmp_path, _export(rows, lines=lines), name=name)

    (row,) = rows.read("default", "t", ["MMM"])
    assert (report.inserted, report.changed) == (0, 0)
    assert row.data["industry"] == value
    assert row.cells["industry"].provider == "somebody"


def test_edited_cell_of_an_export_becomes_typed(rows: RowStore, tmp_path: Path) -> None:
    _import(rows, tmp_path, _COMPANIES)
    _enrich(rows, "MMM", "industry", "Glue")

    report = _import(rows, tmp_path, _export(rows).replace("Glue", "Tape"))

    (row,) = rows.read("default", "t", ["MMM"])
    assert report.changed == 1
    assert row.is_typed("industry")


def test_export_with_provenance_comes_back_without_columns_about_columns(
    rows: RowStore, tmp_path: Path
) -> None:
    _import(rows, tmp_path, _COMPANIES)
    _enrich(rows, "MMM", "industry", "Glue")
    exported = _export(rows, provenance=True)

    report = _import(rows, tmp_path, exported)

    assert '"industry__provider","industry__confidence"' in exported
    assert '"Glue","somebody",0.9,"","filled"' in exported
    assert len(report.plan.ignored) == 4
    assert len(rows.table("default", "t").columns) == 4


def test_key_that_no_column_shows_is_exported_as_a_column_of_its_own(
    rows: RowStore, tmp_path: Path
) -> None:
    _import(rows, tmp_path, "company\n3M\nAbbott\n")
    exported = _export(rows)

    report = _import(rows, tmp_path, exported)

    assert exported.startswith('"_key","company"\n"1","3M"\n')
    assert (report.inserted, report.changed) == (0, 0)


def test_an_export_for_german_excel_comes_back_without_a_change(
    rows: RowStore, tmp_path: Path
) -> None:
    _import(rows, tmp_path, "id,Firma\n1,Müller; Söhne\n")
    export = prepare_export(rows, tenant="default", table="t")
    target = io.StringIO(newline="")

    write_csv(export, target, delimiter=";", with_mark=True)
    back = _import(rows, tmp_path, target.getvalue())

    assert target.getvalue() == '\ufeff"id";"firma"\n"1";"Müller; Söhne"\n'
    assert (back.inserted, back.changed) == (0, 0)


def test_column_keeps_what_it_is_when_it_is_imported_again(rows: RowStore, tmp_path: Path) -> None:
    _import(rows, tmp_path, _COMPANIES)
    (site,) = [c for c in rows.table("default", "t").columns if c.key == "site"]
    kept = Column(
        key="site",
        field="domain",
        enriched=True,
        overwrite=Overwrite.ALWAYS,
        min_confidence=0.9,
        position=site.position,
    )
    rows.save_columns("default", "t", [kept])

    _import(rows, tmp_path, "Symbol,Site,Note\nMMM,mmm.com,x\n")

    assert kept in rows.table("default", "t").columns


def test_mapping_names_column_and_field(rows: RowStore, tmp_path: Path) -> None:
    mapping = parse_mapping(["Site=homepage:domain"])

    _import(rows, tmp_path, _COMPANIES, mapping=mapping)

    assert ("homepage", "domain") in [(c.key, c.field) for c in rows.table("default", "t").columns]


@pytest.mark.parametrize(
    ("content", "options", "error", "said"),
    [
        pytest.param("id,a\n", {}, BadFileError, "a header and no rows", id="V01-header-only"),
        pytest.param("id,a\n1,x\n2,y\n1,z\n", {}, BadFileError, "lines 2 and 4", id="double-key"),
        pytest.param("id,a\n1,x\n ,y\n", {}, BadFileError, "in line 3", id="blank-key"),
        pytest.param("id,a\n1,x\n2,y,z\n", {}, BadFileError, "line 3 has 3", id="V03"),
        pytest.param("id,a\n1,x\n2,\0\n", {}, BadFileError, "NUL", id="V06"),
        pytest.param("id,a\n1,x\n", {"key": "b"}, UnknownNameError, "column 'b'", id="no-key"),
        pytest.param(
            "id,a\n1,x\n",
            {"mapping": {"id": ("k", ""), "a": ("k", "")}},
            BadInputError,
            "both be 'k'",
            id="two-headers-one-column",
        ),
    ],
)
def test_wrong_file_is_refused_and_nothing_is_stored(
    rows: RowStore,
    tmp_path: Path,
    content: str,
    options: dict[str, object],
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        _import(rows, tmp_path, content, **options)

    assert rows.tables("default") == ()


def test_headers_without_a_latin_letter_get_keys_that_differ() -> None:
    plan = plan_import(("名前", "会社", "Größe"))

    assert [p.column.key for p in plan.columns] == ["column", "column_2", "grosse"]


def test_mapping_to_a_field_that_is_nearly_one_is_refused_with_that_one() -> None:
    with pytest.raises(UnknownNameError, match=r"no field 'company_nam'; did you mean 'company_na"):
        parse_mapping(["Firma=firma:company_nam"])


def test_a_column_that_providers_do_not_know_is_told_at_every_import(
    rows: RowStore, tmp_path: Path
) -> None:
    first = _import(rows, tmp_path, "id,shade\n1,red\n")
    second = _import(rows, tmp_path, "id,shade\n1,red\n")

    assert [p.known for p in first.plan.columns] == [False, False]
    assert [p.known for p in second.plan.columns] == [False, False]


@pytest.mark.parametrize(
    ("header", "identifies"), [("shade", False), ("Land", False), ("Firma", True)], ids=str
)
def test_a_plan_tells_whether_a_row_says_what_it_is_about(header: str, identifies: bool) -> None:
    assert plan_import(("id", header)).identifies is identifies


def test_columns_that_the_table_has_already_say_what_its_rows_are_about() -> None:
    named = Column(key="company", field="company_name")

    assert plan_import(("id", "shade"), existing=[named]).identifies


def test_a_key_in_other_letters_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ID'"):
        plan_import(("ID", "shade"), key="Id")


@pytest.mark.parametrize("item", ["a", "=b", "a=B c", "a=", "a=1x"])
def test_mapping_that_is_not_understood_is_bad_usage(item: str) -> None:
    with pytest.raises(BadInputError, match="is not understood"):
        parse_mapping([item])
