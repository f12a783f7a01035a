"""The stores in memory and in PostgreSQL, for the suites that hold both to one contract."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from enrich.ports import PaidCalls, RowStore, RunStore
from enrich.ports.callbacks import Callbacks
from enrich.store.callbacks import PostgresCallbacks
from enrich.store.calls import PostgresPaidCalls
from enrich.store.memory import MemoryDatabase, MemoryRowStore
from enrich.store.memory_callbacks import MemoryCallbacks
from enrich.store.memory_calls import MemoryPaidCalls
from enrich.store.memory_runs import MemoryRunStore
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from tests.store_fixtures import (
    clean_engine,
    engine_behind_walls,
    store_url,
    walled_engine,
)
from tests.store_fixtures import patient_store_engine as store_engine

__all__ = ["clean_engine", "engine_behind_walls", "store_engine", "store_url", "walled_engine"]


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores on the same data."""

    rows: RowStore
    runs: RunStore
    paid: PaidCalls
    callbacks: Callbacks
    #: The same runs, as a process of that name opens them.
    named: Callable[[str], RunStore]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Empty stores: first the twin, then the real thing."""
    if request.param == "memory":
        database = MemoryDatabase()
        return Stores(
            MemoryRowStore(database),
            MemoryRunStore(database),
            MemoryPaidCalls(database),
            MemoryCallbacks(database),
            lambda name: MemoryRunStore(database, holder=name),
        )
    engine = request.getfixturevalue("walled_engine")
    return Stores(
        PostgresRowStore(engine),
        PostgresRunStore(engine),
        PostgresPaidCalls(engine),
        PostgresCallbacks(engine),
        lambda name: PostgresRunStore(engine, holder=name),
    )
