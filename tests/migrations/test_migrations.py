"""The schema's life: made, undone, made again, and never in two ways."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from enrich.errors import DatabaseDownError
from enrich.store import migrate
from enrich.store.engine import make_engine
from enrich.store.schema import metadata

pytestmark = pytest.mark.servers

_LEFT = """
    SELECT n.nspname || '.' || x.name FROM (
        SELECT relnamespace AS ns, relname::text AS name FROM pg_class
        WHERE relkind IN ('r','v','S')
        UNION ALL SELECT pronamespace, proname::text FROM pg_proc) AS x
    JOIN pg_namespace n ON n.oid = x.ns WHERE n.nspname = 'public' AND x.name <> 'alembic_version'
"""

_LOOK_ELSEWHERE_FIRST = """
    SELECT p.proname FROM pg_proc p
    WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT FROM unnest(p.proconfig) AS said WHERE said LIKE 'search_path=%%, pg_temp')
"""


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    """Connections to a database without any table."""
    made = make_engine(empty_database_url)
    yield made
    made.dispose()


def things_in(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.exec_driver_sql(_LEFT).scalars())


def test_a_new_database_lacks_every_revision(empty_database_url: str) -> None:
    assert migrate.current(empty_database_url) is None
    assert migrate.pending(empty_database_url)[-1] == migrate.head()


def test_an_upgrade_leaves_nothing_pending(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)

    assert migrate.current(empty_database_url) == migrate.head()
    assert migrate.pending(empty_database_url) == ()


def test_an_upgrade_of_what_is_up_to_date_does_nothing(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    migrate.upgrade(empty_database_url)

    assert migrate.pending(empty_database_url) == ()


def test_down_and_up_again_makes_the_same(empty_database_url: str, engine: Engine) -> None:
    migrate.upgrade(empty_database_url)
    first = things_in(engine)

    migrate.downgrade(empty_database_url, revision="base")
    assert things_in(engine) == []

    migrate.upgrade(empty_database_url)
    assert things_in(engine) == first


def test_the_schema_is_what_the_metadata_says(empty_database_url: str, engine: Engine) -> None:
    migrate.upgrade(empty_database_url)

    with engine.connect() as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            # The parts of the ledger are made as time goes.
            "include_name": lambda name, *_: not str(name).startswith("responses_"),
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_functions_with_their_owners_rights_look_for_temporary_tables_last(
    empty_database_url: str, engine: Engine
) -> None:
    migrate.upgrade(empty_database_url)

    with engine.connect() as connection:
        assert connection.exec_driver_sql(_LOOK_ELSEWHERE_FIRST).scalars().all() == []


@pytest.mark.timeout(300)
def test_two_processes_that_upgrade_at_once_both_end_well(empty_database_url: str) -> None:
    program = "import sys; from enrich.store import migrate; migrate.upgrade(sys.argv[1])"
    command = [sys.executable, "-c", program, empty_database_url]
    both = [subprocess.Popen(command) for _ in range(2)]

    assert [process.wait(timeout=240) for process in both] == [0, 0]
    assert migrate.pending(empty_database_url) == ()


def test_two_threads_that_upgrade_at_once_both_end_well(empty_database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(migrate.upgrade, [empty_database_url] * 2))

    assert migrate.pending(empty_database_url) == ()


def test_a_server_that_is_not_there_is_said_to_be_down() -> None:
    with pytest.raises(DatabaseDownError, match=r"127\.0\.0\.1"):
        migrate.upgrade("postgresql://nobody:hidden@127.0.0.1:9/none")
