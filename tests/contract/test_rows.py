"""The row store, in memory and in PostgreSQL."""

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from enrich.domain.prompt import Prompt
from enrich.domain.run import RunOptions
from enrich.domain.table import PERSON, CellState, Column, Stamp
from enrich.domain.values import Json
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import NewRow, NewRun, Selection, WriteReport
from enrich.ports.rows import Removed
from tests.contract.conftest import Stores
from tests.store_fixtures import COLUMNS, TABLE, TENANT, ended, filled, make_table, provenance

NEVER_ASKED = RunOptions()


def data_of(stores: Stores, key: str = "k1") -> dict[str, Json]:
    return stores.rows.read(TENANT, TABLE, [key])[0].data


def begin_run(stores: Stores) -> int:
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=("industry",),
        selection=Selection(),
        options=NEVER_ASKED,
        batch_rows=10,
    )
    return stores.runs.create(new, in_flight=1, lease_s=60)[0].id


def test_a_table_lists_its_columns_in_order_and_counts_its_rows(stores: Stores) -> None:
    make_table(stores.rows, 3)

    view = stores.rows.table(TENANT, TABLE)

    assert (view.name, view.columns, view.rows) == (TABLE, COLUMNS, 3)
    assert stores.rows.tables(TENANT) == (view,)


def test_saving_columns_again_changes_them_and_adds_new_ones(stores: Stores) -> None:
    make_table(stores.rows)
    changed = replace(COLUMNS[1], min_confidence=0.7)
    added = Column(key="phone", field="phone", enriched=True, position=9)

    stores.rows.save_columns(TENANT, TABLE, [changed, added])

    assert stores.rows.table(TENANT, TABLE).columns == (
        COLUMNS[0],
        changed,
        *COLUMNS[2:],
        added,
    )


@pytest.mark.parametrize("key", ["", "  ", "a\x00b", "a\nb", "x" * 201], ids=repr)
def test_a_column_without_a_printable_name_is_refused(stores: Stores, key: str) -> None:
    with pytest.raises(BadInputError, match="column"):
        stores.rows.save_columns(TENANT, TABLE, [Column(key=key, field="city")])


def test_an_unknown_table_is_named_with_the_nearest_known_one(stores: Stores) -> None:
    make_table(stores.rows)

    with pytest.raises(UnknownNameError, match="did you mean 'companies'"):
        stores.rows.table(TENANT, "company")


def test_a_tenant_does_not_see_the_tables_of_another(stores: Stores) -> None:
    make_table(stores.rows, 1)

    assert stores.rows.tables("other") == ()
    with pytest.raises(UnknownNameError):
        stores.rows.read("other", TABLE, ["k1"])


def test_rows_are_read_in_the_order_of_the_keys(stores: Stores) -> None:
    make_table(stores.rows, 3)

    found = stores.rows.read(TENANT, TABLE, ["k3", "k1", "k3"])

    assert [row.key for row in found] == ["k3", "k1", "k3"]


def test_reading_a_row_that_is_not_there_names_it(stores: Stores) -> None:
    make_table(stores.rows, 1)

    with pytest.raises(UnknownNameError, match=f"'k9' in table '{TABLE}'"):
        stores.rows.read(TENANT, TABLE, ["k1", "k9"])


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_a_scan_gives_every_row_once_whatever_the_page(stores: Stores, page: int) -> None:
    make_table(stores.rows, 3)

    assert [row.key for row in stores.rows.scan(TENANT, TABLE, page=page)] == ["k1", "k2", "k3"]


def test_a_page_begins_after_an_id(stores: Stores) -> None:
    ids = make_table(stores.rows, 3)

    page = stores.rows.page(TENANT, TABLE, after=ids[0], limit=1)

    assert [row.key for row in page] == ["k2"]
    assert stores.rows.page(TENANT, TABLE, after=ids[2], limit=1) == ()


def test_an_import_counts_new_and_changed_rows(stores: Stores) -> None:
    make_table(stores.rows, 2)

    counts = stores.rows.import_rows(
        TENANT,
        TABLE,
        [
            NewRow(key="k1", data={"name": "Firm k1"}),
            NewRow(key="k2", data={"name": "Other", "city": "Bern"}),
            NewRow(key="k3", data={}),
        ],
    )

    assert counts == (1, 1)
    assert data_of(stores, "k2") == {"name": "Other", "city": "Bern"}


def test_an_imported_value_that_differs_is_a_typed_value_with_a_stamp(stores: Stores) -> None:
    make_table(stores.rows, 1)
    run_id = begin_run(stores)

    stores.rows.import_rows(TENANT, TABLE, [NewRow(key="k1", data={"city": "Bern"})])

    cell = stores.rows.read(TENANT, TABLE, ["k1"])[0].cells["city"]
    assert cell.provider == PERSON
    assert cell.stamp > Stamp(run_id, 99)


def test_a_blank_in_an_import_takes_nothing_away(stores: Stores) -> None:
    make_table(stores.rows, 1)

    stores.rows.import_rows(TENANT, TABLE, [NewRow(key="k1", data={"name": " ", "city": None})])

    assert data_of(stores) == {"name": "Firm k1"}


def test_two_rows_of_one_key_in_an_import_are_laid_one_over_the_other(stores: Stores) -> None:
    make_table(stores.rows)
    twice: list[dict[str, Json]] = [{"name": "A", "city": "Bern"}, {"name": "B"}]

    counts = stores.rows.import_rows(TENANT, TABLE, [NewRow(key="k", data=data) for data in twice])

    assert counts == (1, 0)
    assert data_of(stores, "k") == {"name": "B", "city": "Bern"}


def test_an_import_that_fails_midway_leaves_nothing(stores: Stores) -> None:
    make_table(stores.rows)

    def rows() -> Iterator[NewRow]:
        yield NewRow(key="k1", data={"name": "A"})
        yield NewRow(key="k2", data={"nmae": "B"})

    with pytest.raises(UnknownNameError, match="did you mean 'name'"):
        stores.rows.import_rows(TENANT, TABLE, rows())
    assert stores.rows.table(TENANT, TABLE).rows == 0


@pytest.mark.parametrize(
    "value",
    ["tab\tnew\nline\r", 'a\\b"c', "\\.", "\\N", "\\u0000", "ü€😀", {"a": [1, {"b": None}]}, 2**70],
    ids=repr,
)
def test_a_value_comes_back_as_it_was_imported(stores: Stores, value: Json) -> None:
    make_table(stores.rows)

    stores.rows.import_rows(TENANT, TABLE, [NewRow(key="k", data={"name": value})])

    assert data_of(stores, "k") == {"name": value}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("a\x00b", "ab"), ("a\ud800b", "ab"), ({"k\x00": ["\udc00x"]}, {"k": ["x"]})],
    ids=["nul", "half a pair", "nested"],
)
def test_what_postgres_cannot_hold_is_taken_out_of_a_text(
    stores: Stores, given: Json, kept: Json
) -> None:
    make_table(stores.rows)

    stores.rows.import_rows(TENANT, TABLE, [NewRow(key="k\x00", data={"name": given})])

    assert data_of(stores, "k") == {"name": kept}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf], ids=str)
def test_a_number_that_is_not_finite_is_refused_by_the_column(
    stores: Stores, number: float
) -> None:
    row = make_table(stores.rows, 1)[0]

    with pytest.raises(BadInputError, match="column city"):
        stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", number, 5)])


def test_a_write_fills_a_cell_and_tells_where_it_came_from(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]

    report = stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "Bern", 5)])

    found = stores.rows.read(TENANT, TABLE, ["k1"])[0]
    assert report == WriteReport(written=1)
    assert found.data == {"name": "Firm k1", "city": "Bern"}
    assert found.cells == {"city": provenance(5)}


@pytest.mark.parametrize(
    ("number", "attempt", "report", "value"),
    [
        (6, 0, WriteReport(written=1), "new"),
        (5, 2, WriteReport(written=1), "new"),
        (5, 1, WriteReport(superseded=1), "old"),
        (5, 0, WriteReport(superseded=1), "old"),
        (4, 9, WriteReport(superseded=1), "old"),
    ],
    ids=["newer run", "newer attempt", "same stamp", "older attempt", "older run"],
)
def test_only_a_newer_stamp_replaces_a_value(
    stores: Stores, number: int, attempt: int, report: WriteReport, value: str
) -> None:
    row = make_table(stores.rows, 1)[0]
    stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "old", 5, 1)])

    done = stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "new", number, attempt)])

    assert done == report
    assert data_of(stores)["city"] == value


def test_of_several_writes_of_one_cell_in_a_batch_the_newest_stands(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    writes = [filled(row, "city", f"v{n}", n) for n in (3, 9, 5)]

    report = stores.rows.write_cells(TENANT, TABLE, writes)

    assert report == WriteReport(written=1, superseded=2)
    assert data_of(stores)["city"] == "v9"


def test_a_typed_value_is_protected_unless_its_column_gives_it_up(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    stores.rows.import_rows(TENANT, TABLE, [NewRow(key="k1", data={"city": "Bern", "size": "9"})])

    report = stores.rows.write_cells(
        TENANT, TABLE, [filled(row, "city", "Basel", 99), filled(row, "size", "10", 99)]
    )

    assert report == WriteReport(written=1, protected=1)
    assert data_of(stores) == {"name": "Firm k1", "city": "Bern", "size": "10"}


def test_a_typed_value_is_never_replaced_by_a_state_without_one(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    stores.rows.type_value(TENANT, TABLE, "k1", "size", "9")

    report = stores.rows.write_cells(
        TENANT, TABLE, [ended(row, "size", CellState.NOT_FOUND, 10**6)]
    )

    assert report == WriteReport(protected=1)
    assert data_of(stores)["size"] == "9"


@pytest.mark.parametrize("state", [s for s in CellState if s is not CellState.FILLED])
def test_an_older_value_outlives_a_newer_end_without_one(stores: Stores, state: CellState) -> None:
    row = make_table(stores.rows, 1)[0]
    stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "Bern", 5)])

    report = stores.rows.write_cells(TENANT, TABLE, [ended(row, "city", state, 6)])

    found = stores.rows.read(TENANT, TABLE, ["k1"])[0]
    assert report == WriteReport(written=1)
    assert found.data["city"] == "Bern"
    assert found.cells["city"] == replace(provenance(6), reason=state.value)


def test_a_cell_without_a_value_takes_the_state_of_its_last_run(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]

    stores.rows.write_cells(TENANT, TABLE, [ended(row, "city", CellState.NOT_FOUND, 5)])
    stores.rows.write_cells(TENANT, TABLE, [ended(row, "city", CellState.FAILED, 6)])

    found = stores.rows.read(TENANT, TABLE, ["k1"])[0]
    assert "city" not in found.data
    assert found.cells["city"].state is CellState.FAILED


def test_writes_to_a_row_that_is_gone_are_counted_and_insert_nothing(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    assert stores.rows.delete_row(TENANT, TABLE, "k1")

    report = stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "Bern", 5)])

    assert report == WriteReport(gone=1)
    assert stores.rows.table(TENANT, TABLE).rows == 0


def test_deleting_a_row_twice_says_that_it_was_not_there(stores: Stores) -> None:
    make_table(stores.rows, 1)

    removed = [stores.rows.delete_row(TENANT, TABLE, "k1") for _ in range(2)]

    assert removed == [Removed(answers=0, questions=()), None]


def test_another_tenants_rows_are_gone_for_a_writer(stores: Stores) -> None:
    mine = make_table(stores.rows, 1)[0]
    make_table(stores.rows, 1, tenant="other")

    report = stores.rows.write_cells("other", TABLE, [filled(mine, "city", "Bern", 5)])

    assert report == WriteReport(gone=1)
    assert data_of(stores) == {"name": "Firm k1"}


def test_a_write_to_an_unknown_column_names_it(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]

    with pytest.raises(UnknownNameError, match="'citty'"):
        stores.rows.write_cells(TENANT, TABLE, [filled(row, "citty", "Bern", 5)])


def test_a_typed_value_is_newer_than_every_run_that_has_begun(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    run_id = begin_run(stores)
    stores.rows.type_value(TENANT, TABLE, "k1", "size", "10")

    late = stores.rows.write_cells(TENANT, TABLE, [filled(row, "size", "99", run_id, 9)])

    assert late == WriteReport(superseded=1)
    assert data_of(stores)["size"] == "10"


def test_typing_replaces_what_a_provider_gave(stores: Stores) -> None:
    row = make_table(stores.rows, 1)[0]
    run_id = begin_run(stores)
    stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "Basel", run_id)])

    stores.rows.type_value(TENANT, TABLE, "k1", "city", "Bern")

    found = stores.rows.read(TENANT, TABLE, ["k1"])[0]
    assert found.data["city"] == "Bern"
    assert found.is_typed("city")


@pytest.mark.parametrize("blank", [None, "", " \t\u00a0\u3000"], ids=repr)
def test_typing_a_blank_empties_the_cell_and_older_runs_do_not_fill_it(
    stores: Stores, blank: Json
) -> None:
    row = make_table(stores.rows, 1)[0]
    run_id = begin_run(stores)
    stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "Basel", run_id)])

    stores.rows.type_value(TENANT, TABLE, "k1", "city", blank)
    late = stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "Bern", run_id, 2)])
    assert (late, data_of(stores)) == (WriteReport(superseded=1), {"name": "Firm k1"})

    newer = stores.rows.write_cells(TENANT, TABLE, [filled(row, "city", "Bern", begin_run(stores))])
    assert newer == WriteReport(written=1)


@pytest.mark.parametrize(("key", "column"), [("k9", "city"), ("k1", "town")])
def test_typing_where_there_is_no_cell_names_what_is_missing(
    stores: Stores, key: str, column: str
) -> None:
    make_table(stores.rows, 1)

    with pytest.raises(UnknownNameError, match=f" in table '{TABLE}'"):
        stores.rows.type_value(TENANT, TABLE, key, column, "x")


def test_what_a_caller_does_to_a_row_does_not_reach_the_store(stores: Stores) -> None:
    make_table(stores.rows, 1)
    value: list[Json] = ["a"]
    stores.rows.type_value(TENANT, TABLE, "k1", "city", value)

    value.append("b")

    assert data_of(stores)["city"] == ["a"]


def test_a_column_keeps_its_stakes_for_lists_and_for_runs(stores: Stores) -> None:
    make_table(stores.rows)
    dear = replace(COLUMNS[0], worth_microcredits=500_000, loss_microcredits=0)

    stores.rows.save_columns(TENANT, TABLE, [dear])

    assert stores.rows.table(TENANT, TABLE).columns[0] == dear
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=(dear.key,),
        selection=Selection(),
        options=NEVER_ASKED,
        batch_rows=10,
    )
    run, _ = stores.runs.create(new, in_flight=1, lease_s=60)
    assert run.columns[0] == dear


def test_a_column_keeps_its_prompt_for_lists_and_for_runs(stores: Stores) -> None:
    make_table(stores.rows)
    prompt = Prompt(
        text="Classify {industry} {phone?}",
        schema='{"type":"string"}',
        evidence=("industry",),
        model="small",
        max_cost_microcredits=50,
    )
    asked = Column(key="sector", field="sector", enriched=True, position=9, prompt=prompt)

    stores.rows.save_columns(TENANT, TABLE, [asked])

    assert stores.rows.table(TENANT, TABLE).columns[-1] == asked
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=("sector",),
        selection=Selection(),
        options=NEVER_ASKED,
        batch_rows=10,
    )
    run, _ = stores.runs.create(new, in_flight=1, lease_s=60)
    assert run.columns[-1] == asked
