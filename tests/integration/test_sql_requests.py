"""Somebody with nothing but the database asks; a real worker enriches, once."""

from collections.abc import Iterator

import psycopg2
import pytest
from pytest_celery import CeleryTestSetup
from sqlalchemy import text

from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker]

ENDED = """
    SELECT q.state, q.said, r.state, r.rows_total
    FROM requests q LEFT JOIN runs r ON r.id = q.run_id
    WHERE q.table_name = :table ORDER BY q.id
"""


@pytest.fixture
def table(world: World) -> Iterator[str]:
    """A table of three companies, with no request stored."""
    forget_requests(world)
    yield world.make_table(3)
    forget_requests(world)


def forget_requests(world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM requests"))


def request(world: World, *arguments: object) -> int:
    with world.engine.begin() as connection:
        marks = ", ".join(f":a{place}" for place in range(len(arguments)))
        named = {f"a{place}": value for place, value in enumerate(arguments)}
        return int(connection.execute(text(f"SELECT enrich_request({marks})"), named).scalar_one())


def tick(setup: CeleryTestSetup) -> int:
    sent = setup.app.send_task("enrich.requests", queue="enrich.control", ignore_result=False)
    return int(sent.get(timeout=200))


def test_requests_of_one_kind_are_one_run_however_often_they_are_looked_for(
    celery_setup: CeleryTestSetup, world: World, table: str
) -> None:
    request(world, table, "row_0001", ["website"])
    request(world, table, "row_0002", ["website"])

    assert sum(tick(celery_setup) for _ in range(3)) == 2
    done = [("begun", "", "done", 2)] * 2
    assert eventually(lambda: world.all(ENDED, table=table) == done)


def test_a_row_that_is_not_there_is_made_of_what_is_sent(
    celery_setup: CeleryTestSetup, world: World, table: str
) -> None:
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT enrich_request(%s, 'new', ARRAY['website'], '{\"company\": \"Apple Inc.\"}')",
            (table,),
        )
    tick(celery_setup)

    assert eventually(lambda: world.all(ENDED, table=table) == [("begun", "", "done", 1)])
    kept = "SELECT data FROM requests WHERE table_name = :table"
    assert world.all(kept, table=table) == [(None,)]


def test_one_wrong_request_says_why_and_holds_nobody_up(
    celery_setup: CeleryTestSetup, world: World, table: str
) -> None:
    request(world, table, "row_0001", ["website"])
    request(world, table, "absent", ["website"])
    tick(celery_setup)

    assert eventually(lambda: world.all(ENDED, table=table)[0] == ("begun", "", "done", 1))
    state, said, *_ = world.all(ENDED, table=table)[1]
    assert (state, "absent" in said) == ("refused", True)


def test_a_request_of_a_transaction_that_is_undone_was_never_made(
    celery_setup: CeleryTestSetup, world: World, table: str
) -> None:
    connection = world.engine.connect()
    connection.execute(text("SELECT enrich_request(:table, 'row_0001')"), {"table": table})
    connection.rollback()
    connection.close()

    assert tick(celery_setup) == 0


def test_who_listens_is_told_of_a_request(world: World, table: str) -> None:
    listener = psycopg2.connect(
        world.engine.url.set(drivername="postgresql").render_as_string(False)
    )
    listener.autocommit = True
    with listener.cursor() as cursor:
        cursor.execute("LISTEN enrich_requests")
        number = request(world, table, "row_0001")
        cursor.execute("SELECT 1")
    listener.close()

    assert [note.payload for note in listener.notifies] == [str(number)]


def test_who_may_only_call_the_function_can_ask_and_read_nothing(world: World, table: str) -> None:
    with world.engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE asker")
        connection.exec_driver_sql("GRANT EXECUTE ON FUNCTION enrich_request TO asker")
    try:
        with world.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL ROLE asker")
            connection.execute(text("SELECT enrich_request(:table, 'row_0001')"), {"table": table})
            allowed = connection.exec_driver_sql(
                "SELECT has_table_privilege('requests', 'SELECT')"
            ).scalar()
    finally:
        with world.engine.begin() as connection:
            connection.exec_driver_sql("REVOKE ALL ON FUNCTION enrich_request FROM asker")
            connection.exec_driver_sql("DROP ROLE asker")

    assert allowed is False


def test_the_requests_of_a_row_that_is_erased_go_with_it(world: World, table: str) -> None:
    request(world, table, "row_0001")
    request(world, table, "row_0002")

    own = "(SELECT id FROM tables WHERE name = :table)"
    with world.engine.begin() as connection:
        erase = text(f"DELETE FROM rows WHERE key = 'row_0001' AND table_id = {own}")
        connection.execute(erase, {"table": table})

    keys = "SELECT row_key FROM requests WHERE table_name = :table"
    assert world.all(keys, table=table) == [("row_0002",)]
