"""The ledger in parts by month: what is filed where, and what an upgrade does to it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from enrich.store import migrate
from enrich.store.engine import Database, make_engine
from tests.store_fixtures import empty_database_url

__all__ = ["empty_database_url"]

pytestmark = pytest.mark.servers

_RUN = """
    INSERT INTO tenants (id) VALUES ('t');
    INSERT INTO tables (tenant_id, name) VALUES ('t', 't');
    INSERT INTO runs (tenant_id, table_id, wanted, options, state)
        SELECT 't', id, '{}', '{}', 'done' FROM tables;
"""
_LINE = """
    INSERT INTO responses (run_id, batch, attempt, row_id, provider, provider_version, input_key,
                           slot, kind, outcome, observed_at)
    SELECT max(id), 1, 1, 7, 'p', '1', 'k', 0, 'not_found', '{}', now() FROM runs
    ON CONFLICT DO NOTHING
"""
_PARTS = "SELECT DISTINCT tableoid::regclass::text FROM responses ORDER BY 1"
_MONTHS = """
    SELECT relname FROM pg_class WHERE relname ~ '^responses_[0-9]{4}_[0-9]{2}$' ORDER BY 1
"""


@pytest.fixture
def connection(clean_engine: Engine) -> Iterator[Connection]:
    """Connect as the owner of the tables; nothing is kept."""
    with clean_engine.connect() as connection:
        connection.exec_driver_sql(_RUN)
        yield connection
        connection.rollback()


@pytest.fixture
def elderly(empty_database_url: str) -> Iterator[Engine]:
    """Connect to a database with a line from before there were months."""
    migrate.upgrade(empty_database_url, revision="0019")
    engine = make_engine(empty_database_url, fresh_s=0)
    with engine.begin() as connection:
        connection.exec_driver_sql(_RUN + _LINE)
    yield engine
    engine.dispose()


def parts(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql(_PARTS).scalars())


def filed(connection: Connection, day: str) -> None:
    """Write a line of a run that began on a day."""
    connection.exec_driver_sql(
        f"UPDATE runs SET filed_on = '{day}'; SELECT enter_run(max(id)) FROM runs"
    )
    connection.exec_driver_sql(_LINE)


def test_an_upgrade_keeps_what_was_said_and_still_asks_nothing_twice(
    elderly: Engine, empty_database_url: str
) -> None:
    migrate.upgrade(empty_database_url)

    with elderly.begin() as connection:
        connection.exec_driver_sql("SELECT enter_run(max(id)) FROM runs")
        again = connection.exec_driver_sql(_LINE).rowcount
        kept = parts(connection)
    assert (again, kept) == (0, ["responses_before"])


def test_a_downgrade_keeps_what_was_said_before_and_after(
    elderly: Engine, empty_database_url: str
) -> None:
    migrate.upgrade(empty_database_url)
    with elderly.begin() as connection:
        connection.exec_driver_sql(_RUN.split(";")[2] + ";" + _LINE)

    migrate.downgrade(empty_database_url, revision="0019")

    with elderly.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM responses").scalar_one() == 2


def test_there_are_parts_for_this_month_and_two_more(connection: Connection) -> None:
    assert len(list(connection.exec_driver_sql(_MONTHS).scalars())) >= 3
    assert connection.exec_driver_sql("SELECT extend_ledger(2)").scalar_one() == 0


def test_a_line_is_filed_under_the_day_of_its_run(connection: Connection) -> None:
    month = list(connection.exec_driver_sql(_MONTHS).scalars())[1]
    filed(connection, month.removeprefix("responses_").replace("_", "-") + "-07")

    assert parts(connection) == [month]


def test_a_line_that_has_no_month_is_kept_and_moves_into_it_once_it_is_made(
    connection: Connection,
) -> None:
    filed(connection, "2001-02-03")
    before = parts(connection)

    connection.exec_driver_sql(
        "SELECT add_ledger_part('responses_2001_02', '2001-02-01', '2001-03-01')"
    )

    assert before == ["responses_other"]
    assert parts(connection) == ["responses_2001_02"]


@pytest.mark.parametrize(
    ("state", "gone"),
    [
        pytest.param("done", ["responses_2001_02"], id="of-runs-that-ended"),
        pytest.param("running", [], id="of-a-run-under-way"),
    ],
)
def test_old_months_are_dropped_but_for_those_with_a_run_under_way(
    connection: Connection, state: str, gone: list[str]
) -> None:
    connection.exec_driver_sql(
        "SELECT add_ledger_part('responses_2001_02', '2001-02-01', '2001-03-01')"
    )
    filed(connection, "2001-02-03")
    connection.exec_driver_sql(f"UPDATE runs SET state = '{state}'")

    dropped = connection.exec_driver_sql("SELECT drop_ledger('2020-01-01')").scalars().all()

    assert dropped == gone


def test_who_works_makes_months_and_drops_none(walled_engine: Engine) -> None:
    nobody = Database(walled_engine).of_nobody()

    made = nobody.run(lambda c: c.exec_driver_sql("SELECT extend_ledger(3)").scalar_one())
    again = nobody.run(lambda c: c.exec_driver_sql("SELECT extend_ledger(3)").scalar_one())

    assert (made, again) == (1, 0)
