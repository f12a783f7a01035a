"""Connections to PostgreSQL that end while nobody uses them."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, Engine, text

from enrich.errors import DatabaseDownError
from enrich.store.engine import Database, make_engine

pytestmark = pytest.mark.servers


@pytest.fixture
def other(database_url: str) -> Iterator[Engine]:
    """Connections of somebody else."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def pid(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def end_its_connection(other: Engine, engine: Engine) -> int:
    """End the one connection that lies in the pool of an engine."""
    ended = Database(engine).of_nobody().do(pid)
    with other.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": ended})
    return ended


def test_connection_that_ended_while_idle_is_replaced(database_url: str, other: Engine) -> None:
    engine = make_engine(database_url, pool_size=1, max_overflow=0, fresh_s=0.0)

    ended = end_its_connection(other, engine)

    assert Database(engine).of_nobody().do(pid) != ended
    engine.dispose()


def test_connection_that_was_just_used_is_not_asked_and_its_end_costs_one_call(
    database_url: str, other: Engine
) -> None:
    engine = make_engine(database_url, pool_size=1, max_overflow=0, fresh_s=60.0)
    ended = end_its_connection(other, engine)

    with pytest.raises(DatabaseDownError):
        Database(engine).of_nobody().do(pid)

    assert Database(engine).of_nobody().do(pid) != ended
    engine.dispose()


def test_connections_of_a_busy_worker_are_kept_for_its_next_batches(database_url: str) -> None:
    engine = make_engine(database_url)

    def used_at_once() -> set[int]:
        with ExitStack() as stack:
            return {pid(stack.enter_context(engine.connect())) for _ in range(10)}

    assert used_at_once() == used_at_once()
    engine.dispose()
