"""A worker of this session, its database and its broker, under the names of pytest-celery.

The test process never reads the worker's settings: it sends by name through the app that
pytest-celery makes of the nodes' addresses, as a producer without this code does. What must go
through `tasks` or `enrich` themselves runs in a process of its own, with `worker_environment`.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis
from celery import Celery
from pytest_celery import (
    CeleryBackendCluster,
    CeleryBrokerCluster,
    CeleryTestBackend,
    CeleryTestBroker,
    CeleryTestSetup,
    CeleryTestWorker,
    CeleryWorkerCluster,
)
from sqlalchemy import Engine, text

from enrich.domain.table import Column
from enrich.ports import NewRow
from enrich.store import migrate
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from enrich.store.sealing import new_seal_key
from providers.simulator import Behaviour, Simulator
from providers.spec import load_catalogue
from tasks.settings import QUEUES
from tests.integration.nodes import ServerAddress, WorkerProcess, in_database
from tests.store_fixtures import administer, patient_engine
from tests.waiting import patient

__all__ = [
    "ENRICHED",
    "World",
    "ask",
    "celery_backend",
    "celery_backend_cluster",
    "celery_broker",
    "celery_broker_cluster",
    "celery_setup_cls",
    "celery_worker",
    "celery_worker_cluster",
    "end_leases",
    "held_back",
    "simulated_model",
    "start_worker",
    "worker_environment",
    "world",
]

_CACHE, _BROKER = 11, 12
_RUN_OUT = """
    WITH own AS (
        SELECT r.id FROM runs r JOIN tables t ON t.id = r.table_id WHERE t.name = :table
    ), calls AS (
        UPDATE paid_calls SET held_until = now()
        WHERE state = 'reserved' AND run_id IN (SELECT id FROM own)
    )
    UPDATE batches SET lease_until = now()
    WHERE lease_until IS NOT NULL AND run_id IN (SELECT id FROM own)
"""
_HELD_BACK = """
    SELECT FROM batches WHERE run_id = %(run)s AND phase = 'queued'
    ORDER BY number DESC LIMIT 1 FOR UPDATE
"""
#: The columns to be enriched of every table made here.
ENRICHED = ("industry", "website", "founded", "city", "employees")


@dataclass(frozen=True, slots=True)
class World:
    """The database that the workers share, seen from outside."""

    engine: Engine
    rows: PostgresRowStore
    runs: PostgresRunStore

    def make_table(self, count: int, *, tenant: str = "default") -> str:
        """Make a table of real companies, with columns to enrich; give its name."""
        name = f"companies_{secrets.token_hex(4)}"
        typed = Column(key="company", field="company_name")
        enriched = [
            Column(key=key, field=key, enriched=True, position=place)
            for place, key in enumerate(ENRICHED, start=1)
        ]
        self.rows.save_columns(tenant, name, [typed, *enriched])
        fresh = [
            NewRow(key=f"row_{number:04d}", data={"company": company})
            for number, company in enumerate(_companies()[:count], start=1)
        ]
        self.rows.import_rows(tenant, name, fresh)
        return name

    def scalar(self, query: str, **values: Any) -> Any:
        """Ask the database for one value."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).scalar()

    def all(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Ask the database for rows."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]


@cache
def _companies() -> tuple[str, ...]:
    from pytickersymbols import PyTickerSymbols

    stocks = PyTickerSymbols().get_all_stocks()
    return tuple(sorted({one["name"] for one in stocks if one.get("metadata")}))


class OwnSetup(CeleryTestSetup):  # type: ignore[misc]
    """A setup that closes the connections of its app."""

    @classmethod
    def update_app_config(cls, app: Celery) -> None:
        """Send nothing but JSON, and fail in time when the broker is away."""
        app.conf.update(broker_connection_timeout=30, redis_socket_connect_timeout=30)

    def teardown(self) -> None:
        """Let go of broker and results, whose connections the app itself leaves open."""
        self.app.backend.result_consumer.stop()
        self.app.backend.client.connection_pool.disconnect()
        self.app.close()


@pytest.fixture(scope="session")
def world(database_url: str) -> Iterator[World]:
    """A migrated database of the workers' own."""
    parts = urlsplit(database_url)
    name = f"{parts.path.removeprefix('/')}_workers"
    administer(database_url, f"CREATE DATABASE {name}")
    url = parts._replace(path=f"/{name}").geturl()
    migrate.upgrade(url)
    engine = patient_engine(url, pool_size=4)
    yield World(engine, PostgresRowStore(engine), PostgresRunStore(engine))
    engine.dispose()
    administer(database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def simulated_model() -> Iterator[Simulator]:
    """The language model of the session's workers."""
    specs = [spec for spec in load_catalogue() if spec.name == "together_ai"]
    with Simulator(specs, Behaviour(limits=False)) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def worker_environment(
    world: World,
    redis_url: str,
    simulated_model: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, str]:
    """The settings of the session's worker, and of whoever produces for it."""
    return {
        "DATABASE_URL": world.engine.url.render_as_string(hide_password=False),
        "REDIS_URL": patient(in_database(redis_url, _CACHE)),
        "ENRICH_BROKER__URL": in_database(redis_url, _BROKER),
        "ENRICH_HOME": str(tmp_path_factory.mktemp("home")),
        # A server that was given to us may hold what an earlier session has left in its cache.
        "ENRICH_CACHE__VERSION": str(1 + secrets.randbelow(900_000)),
        "ENRICH_PROVIDERS__NAMES": "scraper_demo,apollo_demo,linkedin_api",
        # Simulated providers fail on purpose; which of them is asked must not depend on luck.
        "ENRICH_BREAKER__ENABLED": "false",
        # The first question to a provider loads its data, on whatever machine this is.
        "ENRICH_PROBES__TIMEOUT_SECONDS": "60",
        "ENRICH_SINGLEFLIGHT__LEASE_SECONDS": "60",
        "ENRICH_BREAKER__PERMIT_SECONDS": "60",
        # Small batches, so that a table of a few hundred rows is many.
        "ENRICH_RUNS__BATCH_ROWS": "20",
        "ENRICH_RUNS__MAX_BATCHES_IN_FLIGHT": "4",
        "ENRICH_LLM__BASE_URL": simulated_model.url_of("together_ai"),
        "ENRICH_CREDENTIALS__LLM": "simulated",
        # The database is not embedded: no key to seal with is made, and loopback not allowed.
        "ENRICH_KEYRING__KEYS": new_seal_key(),
        "ENRICH_WEBHOOKS__LOOPBACK": "true",
        "ENRICH_WEBHOOKS__FIRST_PAUSE_SECONDS": "0.1",
        "PYTHONUNBUFFERED": "1",
    }


def end_leases(world: World, environment: Mapping[str, str], table: str) -> None:
    """End what dead workers hold of a table, and all questions, instead of waiting for it."""
    with world.engine.begin() as connection:
        connection.execute(text(_RUN_OUT), {"table": table})
    version = environment["ENRICH_CACHE__VERSION"]
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        for key in client.scan_iter(f"enrich:v{version}:lease:*"):
            client.delete(key)


@contextmanager
def held_back(world: World, run: int) -> Iterator[None]:
    """Keep the last batch of a run from being launched: until then the run goes on."""
    url = world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_HELD_BACK, {"run": run})
        assert cursor.rowcount == 1, "the run is about to end already"
        yield


@pytest.fixture(scope="session")
def start_worker(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers with settings of their own; they are ended with the session."""
    started: list[WorkerProcess] = []
    logs = tmp_path_factory.mktemp("workers")

    def start(name: str, environment: Mapping[str, str]) -> WorkerProcess:
        worker = WorkerProcess(name, environment, logs / f"{name}.log")
        started.append(worker)
        worker.start()
        return worker

    yield start
    for worker in started:
        worker.teardown()


@pytest.fixture(scope="session")
def celery_broker(worker_environment: Mapping[str, str]) -> CeleryTestBroker:
    """The session's server as a broker, without messages of an earlier session."""
    address = ServerAddress("broker", worker_environment["ENRICH_BROKER__URL"])
    with address.client as client:
        client.delete(*QUEUES, "unacked", "unacked_index")
    return CeleryTestBroker(address)


@pytest.fixture(scope="session")
def celery_backend(worker_environment: Mapping[str, str]) -> CeleryTestBackend:
    """The session's server as the keeper of results."""
    return CeleryTestBackend(ServerAddress("backend", worker_environment["ENRICH_BROKER__URL"]))


@pytest.fixture(scope="session")
def celery_worker(
    celery_broker: CeleryTestBroker,
    worker_environment: Mapping[str, str],
    start_worker: Callable[..., WorkerProcess],
) -> CeleryTestWorker:
    """The worker of this session, ready. Whoever kills it starts it again."""
    worker = CeleryTestWorker(start_worker("enrich", worker_environment), app=None)
    worker.ready()
    return worker


@pytest.fixture(scope="session")
def celery_broker_cluster(celery_broker: CeleryTestBroker) -> CeleryBrokerCluster:
    """One broker."""
    return CeleryBrokerCluster(celery_broker)


@pytest.fixture(scope="session")
def celery_backend_cluster(celery_backend: CeleryTestBackend) -> CeleryBackendCluster:
    """One keeper of results."""
    return CeleryBackendCluster(celery_backend)


@pytest.fixture(scope="session")
def celery_worker_cluster(celery_worker: CeleryTestWorker) -> CeleryWorkerCluster:
    """One worker."""
    return CeleryWorkerCluster(celery_worker)


@pytest.fixture
def ask(celery_setup: CeleryTestSetup) -> Callable[..., Any]:
    """Send a task by name and wait for what it answers."""

    def send(task: str, *args: Any, **kwargs: Any) -> Any:
        sent = celery_setup.app.send_task(task, args, kwargs, queue="enrich.ingest")
        return sent.get(timeout=90)

    return send


@pytest.fixture(scope="session")
def celery_setup_cls() -> type[CeleryTestSetup]:
    """The setup that cleans up after itself."""
    return OwnSetup
