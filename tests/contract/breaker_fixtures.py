"""Breakers in memory and in Valkey, new for each test."""

import itertools
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from enrich.domain.policy import BreakerPolicy
from enrich.state.link import RedisLink
from tests.contract.breaker_world import World, memory_world, shared_world

Make = Callable[..., World]
_KEYS = itertools.count()
#: A server that was given to us may still hold what an earlier session has left in it.
_SESSION = secrets.token_hex(4)


@pytest.fixture(params=["memory", pytest.param("valkey", marks=pytest.mark.servers)])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make worlds with a policy of the given numbers, each with a breaker that is new."""
    if request.param == "memory":
        yield lambda **numbers: memory_world(BreakerPolicy(**numbers))
        return
    link = RedisLink(request.getfixturevalue("redis_url"), timeout_s=5.0)
    yield lambda **numbers: shared_world(
        BreakerPolicy(**numbers), link, key=f"acme-{_SESSION}-{request.node.name}-{next(_KEYS)}"
    )
    link.close()


@pytest.fixture
def world(make: Make) -> World:
    """A world with the default numbers."""
    return make()


def opened(world: World) -> World:
    """Open at the clock's moment, by ten failures."""
    return world.calls("F" * 10)


def at(moment_s: float) -> datetime:
    return datetime.fromtimestamp(moment_s, UTC)
