"""The servers of a benchmark: those of the environment, or embedded ones that end with it."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis

from enrich import embedded
from enrich.state.link import RedisLink
from enrich.store import migrate
from tests.store_fixtures import administer

__all__ = ["Place", "opened"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a benchmark works: an empty, migrated database, and a version of keys of its own."""

    database_url: str
    redis_url: str
    version: int

    def link(self) -> RedisLink:
        """Make a link as workers have it, but with patience: a slow answer is measured too."""
        return RedisLink(self.redis_url, timeout_s=10)

    def bare(self) -> redis.Redis:
        """Make a client of one connection, with nothing around it."""
        return redis.Redis.from_url(self.redis_url, single_connection_client=True, protocol=2)


@contextmanager
def opened() -> Iterator[Place]:
    """Find or start both servers, and set the environment of this process for them."""
    # A short path: that of a socket must fit into 108 bytes.
    home = Path(tempfile.mkdtemp(prefix="enrich-b-"))
    try:
        yield from _opened(home)
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


def _opened(home: Path) -> Iterator[Place]:
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    lacking = [embedded.Server.POSTGRES] * (not database_url)
    lacking += [embedded.Server.VALKEY] * (not redis_url)
    if lacking:
        local = embedded.start(home, only=lacking).endpoints
        database_url = database_url or local.database_url
        redis_url = redis_url or local.redis_url
    assert database_url
    assert redis_url
    server, name = urlsplit(database_url)._replace(scheme="postgresql"), secrets.token_hex(6)
    own = server._replace(path=f"/enrich_bench_{name}").geturl()
    administer(server.geturl(), f"CREATE DATABASE enrich_bench_{name}")
    migrate.upgrade(own)
    place = Place(own, redis_url, 1 + secrets.randbelow(900_000))
    os.environ |= {
        "DATABASE_URL": own,
        "REDIS_URL": redis_url,
        "ENRICH_HOME": str(home),
        "ENRICH_CACHE__VERSION": str(place.version),
        "ENRICH_PROVIDERS__NAMES": "company_facts",
    }
    try:
        yield place
    finally:
        _remove_keys(place)
        administer(server.geturl(), f"DROP DATABASE enrich_bench_{name} WITH (FORCE)")


def _remove_keys(place: Place) -> None:
    with redis.Redis.from_url(place.redis_url) as client:
        for key in client.scan_iter(f"enrich:v{place.version}:*", count=1000):
            client.unlink(key)
