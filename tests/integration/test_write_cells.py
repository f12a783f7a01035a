"""The SQL function that writes cells, against a real PostgreSQL; P01 to P25 are its cases."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from enrich.domain.run import Counts, Phase, RunOptions
from enrich.domain.table import CellState
from enrich.domain.values import Json
from enrich.errors import BadInputError, DatabaseDownError
from enrich.ports import NewRow, NewRun, Selection, Settlement
from enrich.store.codec import writes_to_json
from enrich.store.engine import make_engine
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from tests.integration.cutting_proxy import cutting_proxy
from tests.integration.write_race import (
    WRITERS,
    at_once,
    call,
    columns,
    install,
    install_without_guard_on_locked_rows,
    write_from_processes,
    write_shuffled_versions,
)
from tests.store_fixtures import TABLE, TENANT, ended, filled, make_table

pytestmark = pytest.mark.servers

CELLS = [f"c{number}" for number in range(5)]


@pytest.fixture
def rows(clean_engine: Engine) -> PostgresRowStore:
    """A store whose table has rows k1 to k20 and five cells beside the usual ones."""
    store = PostgresRowStore(clean_engine)
    make_table(store, 20)
    store.save_columns(TENANT, TABLE, columns(CELLS))
    return store


def ids_of(store: PostgresRowStore) -> list[int]:
    return [row.id for row in store.scan(TENANT, TABLE)]


def data_of(store: PostgresRowStore, key: str = "k1") -> dict[str, Json]:
    return store.read(TENANT, TABLE, [key])[0].data


@contextmanager
def disk_full(engine: Engine) -> Iterator[None]:
    """Let every update of a row fail as PostgreSQL does when its disk is full.

    The disk is not really full: a trigger raises the same SQLSTATE at the same moment.
    """
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER no_space BEFORE UPDATE ON rows EXECUTE FUNCTION no_space()
        """)
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP FUNCTION no_space CASCADE")


def test_p01_a_filled_cell_with_sql_null_does_not_wipe_the_row(
    clean_engine: Engine, rows: PostgresRowStore
) -> None:
    row = ids_of(rows)[0]
    raw = json.loads(writes_to_json([filled(row, "city", "x", 5)]))
    raw[0]["v"] = None

    with clean_engine.begin() as connection:
        call(connection, json.dumps(raw))

    assert data_of(rows) == {"name": "Firm k1", "city": None}


def test_p01_a_filled_cell_without_a_value_is_refused_before_the_database(
    rows: PostgresRowStore,
) -> None:
    with pytest.raises(BadInputError, match="column city"):
        rows.write_cells(TENANT, TABLE, [filled(ids_of(rows)[0], "city", None, 5)])


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("NULL", id="p02 null in a path"),
        pytest.param("name.city", id="p03 a scalar on the way"),
        pytest.param("0", id="p05 an index"),
        pytest.param("a,b", id="p07 a comma"),
        pytest.param(" b ", id="p07 spaces"),
        pytest.param("a}b", id="p07 a brace"),
        pytest.param('a"b', id="p07 a quote"),
        pytest.param("a\\b", id="p08 a backslash"),
        pytest.param("x'); DROP TABLE rows; --", id="p08 an injection"),
    ],
)
def test_p02_to_p08_a_column_is_written_under_its_own_name_whatever_it_is(
    rows: PostgresRowStore, key: str
) -> None:
    rows.save_columns(TENANT, TABLE, columns([key]))

    rows.write_cells(TENANT, TABLE, [filled(ids_of(rows)[0], key, "v", 5)])

    assert data_of(rows) == {"name": "Firm k1", key: "v"}


@pytest.mark.parametrize("column", ["data", "cells"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("'1'", id="p04 a scalar"),
        pytest.param("'null'", id="p04 a json null"),
        pytest.param("'[]'", id="p05 an array"),
        pytest.param("NULL", id="p09 sql null"),
        pytest.param("data || '[]'", id="p09 object and array"),
    ],
)
def test_p04_p05_p09_no_row_can_hold_anything_but_an_object(
    clean_engine: Engine, rows: PostgresRowStore, column: str, value: str
) -> None:
    with pytest.raises(DBAPIError, match=f"ck_rows_{column}|null value"), clean_engine.begin() as c:
        c.exec_driver_sql(f"UPDATE rows SET {column} = {value}")


def test_p06_a_key_that_is_not_there_is_made(rows: PostgresRowStore) -> None:
    rows.write_cells(TENANT, TABLE, [filled(ids_of(rows)[0], "city", "Bern", 5)])

    assert data_of(rows)["city"] == "Bern"


def test_p09_a_nested_value_is_replaced_whole_and_its_neighbours_stay(
    rows: PostgresRowStore,
) -> None:
    row = ids_of(rows)[0]
    rows.write_cells(TENANT, TABLE, [filled(row, "city", {"x": 1, "y": 2}, 5)])
    rows.write_cells(TENANT, TABLE, [filled(row, "size", 9, 5)])

    rows.write_cells(TENANT, TABLE, [filled(row, "city", {"x": 3}, 6)])

    assert data_of(rows) == {"name": "Firm k1", "city": {"x": 3}, "size": 9}


@pytest.mark.parametrize(
    ("value", "stored"),
    [("a\x00b", "ab"), ("a\ud800", "a"), ("\\u0000", "\\u0000"), (10**30, 10**30), ([], [])],
    ids=["nul", "half a pair", "the text of an escape", "a large number", "an empty list"],
)
def test_p10_every_value_is_stored_or_cleaned_by_the_one_rule(
    rows: PostgresRowStore, value: Json, stored: Json
) -> None:
    rows.write_cells(TENANT, TABLE, [filled(ids_of(rows)[0], "city", value, 5)])

    assert data_of(rows)["city"] == stored


def test_p11_eight_processes_writing_cells_of_one_row_lose_none_of_400(
    rows: PostgresRowStore, store_url: str
) -> None:
    row = ids_of(rows)[0]
    keys = [f"k{number}" for number in range(400)]
    rows.save_columns(TENANT, TABLE, columns(keys))

    write_from_processes(store_url, [[(row, key, 7) for key in keys[n::8]] for n in range(8)])

    assert data_of(rows) == {"name": "Firm k1", **dict.fromkeys(keys, 7)}


def test_p12_eight_people_typing_into_one_row_lose_nothing(rows: PostgresRowStore) -> None:
    keys = [f"k{number}" for number in range(80)]
    rows.save_columns(TENANT, TABLE, columns(keys))

    def work(number: int) -> None:
        for key in keys[number::WRITERS]:
            rows.type_value(TENANT, TABLE, "k1", key, key)

    at_once(WRITERS, work)

    assert data_of(rows) == {"name": "Firm k1", **{key: key for key in keys}}


def test_p13_imports_at_once_into_one_row_lose_nothing(rows: PostgresRowStore) -> None:
    keys = [f"k{number}" for number in range(8)]
    rows.save_columns(TENANT, TABLE, columns(keys))

    def work(number: int) -> None:
        new = [NewRow(key=key, data={keys[number]: number}) for key in ("k1", "k2", "new")]
        rows.import_rows(TENANT, TABLE, new)

    at_once(WRITERS, work)

    assert data_of(rows, "new") == {key: number for number, key in enumerate(keys)}
    assert data_of(rows) == {"name": "Firm k1", **data_of(rows, "new")}


def test_p14_many_cells_of_one_row_in_one_statement_are_all_kept(rows: PostgresRowStore) -> None:
    row = ids_of(rows)[0]

    report = rows.write_cells(TENANT, TABLE, [filled(row, key, key, 5) for key in CELLS])

    assert report.written == 5
    assert data_of(rows) == {"name": "Firm k1", **{key: key for key in CELLS}}


def test_p15_bulk_statements_in_any_order_of_rows_never_deadlock(
    clean_engine: Engine, rows: PostgresRowStore
) -> None:
    ids = ids_of(rows)

    def work(number: int) -> None:
        for turn in range(30):
            order = ids[turn % 20 :] + ids[: turn % 20]
            mine = order if number % 2 else order[::-1]
            with clean_engine.begin() as connection:
                call(connection, [filled(row, "city", number, turn, number) for row in mine])

    at_once(WRITERS, work)

    assert {row.data["city"] for row in rows.scan(TENANT, TABLE)} == {7}


@pytest.mark.parametrize("seed", [1, 2])
def test_p16_versions_that_arrive_shuffled_end_on_the_newest(
    clean_engine: Engine, rows: PostgresRowStore, seed: int
) -> None:
    assert write_shuffled_versions(clean_engine, ids_of(rows), seed) == 0


def test_p16_two_processes_writing_one_cell_end_on_the_newest(
    rows: PostgresRowStore, store_url: str
) -> None:
    row = ids_of(rows)[0]
    rows.save_columns(TENANT, TABLE, columns([f"k{number}" for number in range(100)]))
    plan = [
        [(row, f"k{cell}", 1 + (cell + writer) % 2) for cell in range(100)] for writer in range(2)
    ]

    write_from_processes(store_url, plan)

    assert data_of(rows) == {"name": "Firm k1", **{f"k{number}": 2 for number in range(100)}}


@pytest.mark.parametrize(
    ("attempt", "value"),
    [(2, "second"), (1, "first"), (0, "first")],
    ids=["higher", "same", "lower"],
)
def test_p17_of_two_writes_of_one_run_the_later_attempt_stands(
    rows: PostgresRowStore, attempt: int, value: str
) -> None:
    row = ids_of(rows)[0]
    rows.write_cells(TENANT, TABLE, [filled(row, "city", "first", 5, 1)])

    rows.write_cells(TENANT, TABLE, [filled(row, "city", "second", 5, attempt)])

    assert data_of(rows)["city"] == value


def test_p18_a_person_who_types_during_a_run_wins(rows: PostgresRowStore) -> None:
    row = ids_of(rows)[0]
    rows.type_value(TENANT, TABLE, "k1", "city", "Bern")

    late = rows.write_cells(TENANT, TABLE, [filled(row, "city", "Basel", 10**6)])

    assert (late.protected, data_of(rows)["city"]) == (1, "Bern")


def test_p19_a_row_deleted_meanwhile_is_gone_and_stays_so(rows: PostgresRowStore) -> None:
    row = ids_of(rows)[0]
    rows.delete_row(TENANT, TABLE, "k1")

    assert rows.write_cells(TENANT, TABLE, [filled(row, "city", "Bern", 5)]).gone == 1
    assert row not in ids_of(rows)


@pytest.mark.parametrize("tenant", ["other", "nobody"])
def test_p20_a_row_of_another_tenant_is_not_touched(
    clean_engine: Engine, rows: PostgresRowStore, tenant: str
) -> None:
    make_table(rows, 1, tenant="other")
    mine = ids_of(rows)[0]

    with clean_engine.begin() as connection:
        counts = call(connection, [filled(mine, "city", "Bern", 5)], tenant)

    assert counts == (0, 0, 0, 1)
    assert data_of(rows) == {"name": "Firm k1"}


def test_p21_a_thousand_cells_of_one_row_are_one_statement(rows: PostgresRowStore) -> None:
    keys = [f"k{number}" for number in range(1000)]
    rows.save_columns(TENANT, TABLE, columns(keys))
    row = ids_of(rows)[0]

    report = rows.write_cells(TENANT, TABLE, [filled(row, key, key, 5) for key in keys])

    assert report.written == 1000
    assert len(data_of(rows)) == 1001


def test_p22_a_writer_whose_connection_is_ended_midway_leaves_nothing(
    clean_engine: Engine, rows: PostgresRowStore
) -> None:
    ids = ids_of(rows)
    errors: list[DatabaseDownError] = []

    def work() -> None:
        try:
            rows.write_cells(TENANT, TABLE, [filled(row, "city", "Bern", 5) for row in ids])
        except DatabaseDownError as error:
            errors.append(error)

    with clean_engine.begin() as holder:
        # The last row is held: the writer has locked nineteen and waits for the twentieth.
        holder.execute(text("SELECT FROM rows WHERE id = :id FOR UPDATE"), {"id": ids[-1]})
        writer = threading.Thread(target=work)
        writer.start()
        while not _end_whoever_waits(clean_engine):
            assert writer.is_alive()
        writer.join(timeout=60)

    assert len(errors) == 1
    assert all("city" not in row.data for row in rows.scan(TENANT, TABLE))


def _end_whoever_waits(engine: Engine) -> bool:
    with engine.begin() as connection:
        ended_any = connection.exec_driver_sql("""
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND datname = current_database()
        """)
        return bool(ended_any.scalar_one())


def test_p23_a_commit_whose_answer_is_lost_has_one_effect(
    clean_engine: Engine, rows: PostgresRowStore, store_url: str
) -> None:
    row = ids_of(rows)[0]
    new = NewRun(
        tenant=TENANT,
        table=TABLE,
        wanted=("city",),
        selection=Selection(keys=("k1",)),
        options=RunOptions(),
        batch_rows=10,
    )
    run, (ref,) = PostgresRunStore(clean_engine).create(new, in_flight=1, lease_s=60)
    settlement = Settlement(
        writes=(filled(row, "city", "Bern", run.id),), phase=Phase.DONE, counts=Counts(filled=1)
    )

    with cutting_proxy(store_url) as proxy:
        engine = make_engine(proxy.url, pool_size=1)
        runs = PostgresRunStore(engine)
        proxy.armed.set()
        with pytest.raises(DatabaseDownError):
            runs.settle(ref, settlement, in_flight=1, lease_s=60)
        again = runs.settle(ref, settlement, in_flight=1, lease_s=60)
        engine.dispose()

    assert not again.won
    assert PostgresRunStore(clean_engine).summary(TENANT, run.id).counts == Counts(filled=1)
    assert data_of(rows)["city"] == "Bern"


def test_p24_a_full_disk_is_an_error_that_may_pass_and_changes_nothing(
    clean_engine: Engine, rows: PostgresRowStore
) -> None:
    write = filled(ids_of(rows)[0], "city", "Bern", 5)

    with disk_full(clean_engine), pytest.raises(DatabaseDownError, match="53100"):
        rows.write_cells(TENANT, TABLE, [write])
    assert "city" not in data_of(rows)

    assert rows.write_cells(TENANT, TABLE, [write]).written == 1


def test_p25_a_guard_that_reads_the_table_anew_is_caught_by_shuffled_versions(
    clean_engine: Engine, rows: PostgresRowStore
) -> None:
    ids = ids_of(rows)
    install_without_guard_on_locked_rows(clean_engine)
    try:
        # It takes two that meet, which is likely in each try and certain in none.
        is_caught = any(write_shuffled_versions(clean_engine, ids, seed) for seed in range(20))
    finally:
        install(clean_engine)

    assert is_caught


def test_most_updates_of_a_table_of_ten_cells_touch_no_index(
    clean_engine: Engine, rows: PostgresRowStore
) -> None:
    keys = [f"t{number}" for number in range(10)]
    rows.save_columns(TENANT, TABLE, columns(keys))
    ids = ids_of(rows)

    with clean_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SELECT pg_stat_reset_single_table_counters('rows'::regclass)")
        for number in range(1, 51):
            call(
                connection, [filled(row, key, f"v{number}", number) for row in ids for key in keys]
            )
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        updated, hot = connection.exec_driver_sql(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'rows'"
        ).one()

    # Other connections may report some updates of their own this late.
    assert updated >= 1000
    assert hot > 900


@pytest.mark.parametrize(
    "statement", ["UPDATE responses SET cost_microcredits = 0", "DELETE FROM responses"]
)
def test_the_ledger_refuses_to_be_changed(
    clean_engine: Engine, rows: PostgresRowStore, statement: str
) -> None:
    with clean_engine.begin() as connection:
        connection.exec_driver_sql("""
            WITH run AS (
                INSERT INTO runs (tenant_id, table_id, wanted, options, state)
                SELECT tenant_id, id, '{}', '{}', 'done' FROM tables RETURNING id)
            INSERT INTO responses (run_id, batch, attempt, row_id, provider, provider_version,
                                   input_key, slot, kind, outcome, observed_at)
            SELECT id, 1, 1, 1, 'p', '1', 'q', 0, 'not_found', '{}', now() FROM run
        """)

    with pytest.raises(DBAPIError, match="never changed"), clean_engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_a_state_without_a_value_leaves_the_value_of_a_concurrent_writer(
    rows: PostgresRowStore,
) -> None:
    row = ids_of(rows)[0]

    def work(number: int) -> None:
        write = ended(row, "city", CellState.NOT_FOUND, 9) if number else filled(row, "city", 1, 8)
        rows.write_cells(TENANT, TABLE, [write])

    at_once(2, work)

    cell = rows.read(TENANT, TABLE, ["k1"])[0].cells["city"]
    # Whoever came first: the older value if it was there in time, or else nothing.
    assert cell.stamp.number == 9
