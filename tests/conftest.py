"""Servers for the tests that need some, and none for those that must not."""

import gc
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis
from hypothesis import HealthCheck, settings

from enrich import embedded
from enrich.errors import EmbeddedServerError
from tests import zygote

# How long an example takes says something about the machine, and nothing about the code.
_AS_LONG_AS_IT_TAKES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The suite tries the same examples each time, so that a change is judged by what it changed;
# `make laws` looks for new ones.
settings.register_profile("suite", _AS_LONG_AS_IT_TAKES, derandomize=True)
settings.register_profile("search", _AS_LONG_AS_IT_TAKES, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

_TESTS = Path(__file__).parent
_WITHOUT_SOCKETS = (_TESTS / "unit", _TESTS / "laws")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers of this session are: a database of its own, and a Valkey."""

    database_url: str
    redis_url: str


def pytest_configure(config: pytest.Config) -> None:
    """Give this process a home of its own: none of what it does may touch that of its user."""
    home = Path(tempfile.mkdtemp(prefix="enrich-h-"))
    os.environ["ENRICH_HOME"] = str(home)
    config.add_cleanup(partial(_remove, home))


def _remove(home: Path) -> None:
    embedded.stop(home)
    shutil.rmtree(home)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Switch sockets off for unit tests and laws."""
    for item in items:
        if any(folder in item.path.parents for folder in _WITHOUT_SOCKETS):
            item.add_marker(pytest.mark.disable_socket)


def pytest_runtest_setup() -> None:
    """Begin each test with the level at which Python logs, whatever a command set before it."""
    logging.getLogger().setLevel(logging.WARNING)


@pytest.fixture(autouse=True, scope="module")
def _leave_nothing_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let go of what a file left over while it may still talk to its servers.

    Else it happens within whichever test comes later in the same process, and is blamed on that.
    """
    yield
    if not any(folder in request.path.parents for folder in _WITHOUT_SOCKETS):
        gc.collect()


@pytest.fixture(scope="session")
def warm_enrich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The command `enrich` as a program that starts at once, and `python` beside it."""
    folder = tmp_path_factory.mktemp("bin")
    with zygote.begun() as address:
        zygote.stand_in(folder / "python", program="python", address=address)
        yield zygote.stand_in(folder / "enrich", program="enrich", address=address)


@pytest.fixture(scope="session")
def server_home() -> Iterator[Path]:
    """A home for embedded servers; those that run in it are stopped at the end."""
    # Not pytest's own folder: a socket's path must be short.
    home = Path(tempfile.mkdtemp(prefix="enrich-t-"))
    try:
        yield home
    finally:
        _remove(home)


@pytest.fixture(scope="session")
def database_url(server_home: Path) -> Iterator[str]:
    """The address, in libpq's form, of an empty database that lives as long as this session."""
    server = os.environ.get("DATABASE_URL") or _hasty(server_home)
    name = f"enrich_test_{secrets.token_hex(6)}"
    own = urlsplit(server)._replace(scheme="postgresql", path=f"/{name}").geturl()
    _administer(server, f"CREATE DATABASE {name}")
    yield own
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_url(server_home: Path) -> str:
    """The address of a Valkey or Redis, in redis-py's form."""
    given = os.environ.get("REDIS_URL")
    return given or _forgetful(server_home)


@pytest.fixture(scope="session")
def servers(database_url: str, redis_url: str) -> Servers:
    """Both servers."""
    return Servers(database_url, redis_url)


def _embedded(home: Path, server: embedded.Server) -> embedded.Endpoints:
    try:
        embedded.binary_of(server)
    except EmbeddedServerError as exc:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(exc))
    return embedded.start(home, only=[server]).endpoints


def _hasty(home: Path) -> str:
    """Start a PostgreSQL that does not wait for the disk: nobody needs its data after a cut."""
    server = _embedded(home, embedded.Server.POSTGRES).database_url
    for setting in ("fsync", "full_page_writes"):
        _administer(server, f"ALTER SYSTEM SET {setting} = off")
    _administer(server, "SELECT pg_reload_conf()")
    return server


def _forgetful(server_home: Path) -> str:
    """Start a Valkey that does not wait for the disk either."""
    server = _embedded(server_home, embedded.Server.VALKEY).redis_url
    with redis.Redis.from_url(server) as client:
        client.config_set("appendfsync", "no")
    return server


def _administer(server: str, statement: str) -> None:
    connection = psycopg2.connect(urlsplit(server)._replace(scheme="postgresql").geturl())
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
