"""What both clients share: how Redis is reached, and what its faults are called."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from enrich.domain.addresses import redis_url
from enrich.errors import BadInputError, BrokerDownError, PartlySentError

__all__ = ["LOOK_EVERY_S", "connected", "origin", "sending_parcel", "translated"]

#: A waiter is told of its result; it also looks by itself, should the telling be lost.
LOOK_EVERY_S = 5.0

#: Fail early and once: the caller decides whether to try again. A broker that is gone is found out
#: by one of the two, so nobody is kept for two seconds.
_OPTIONS: dict[str, Any] = {
    "socket_timeout": 1.9,
    "socket_connect_timeout": 1.9,
    "retry": Retry(NoBackoff(), 0),
}


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Say in one sentence what a fault of the broker means for who is `doing` something."""
    try:
        yield
    except AuthenticationError as exc:
        raise BrokerDownError(f"the broker refuses our password while {doing}") from exc
    except (RedisError, OSError) as exc:
        raise BrokerDownError(
            f"the broker does not answer while {doing} ({type(exc).__name__}); "
            "check that it runs and that broker_url names it"
        ) from exc


@contextmanager
def sending_parcel(replies: tuple[object, ...], *, taken: int, parcel: int) -> Iterator[None]:
    """Say of many requests how far they came when the broker goes away with the next `parcel`."""
    try:
        with translated(f"sending {len(replies)} requests, of which it has taken {taken}"):
            yield
    except BrokerDownError as exc:
        next_one = taken + parcel
        raise PartlySentError(
            str(exc), taken=replies[:taken], unsure=replies[taken:next_one]
        ) from exc.__cause__


def origin() -> str:
    """Name this process for whoever reads a message."""
    return f"enrich.client@{os.getpid()}@{socket.gethostname()}"


def connected(from_url: Callable[..., Any], broker_url: str) -> Any:
    """Make redis-py's client; the address is never quoted, it may hold a password."""
    try:
        return from_url(redis_url(broker_url), **_OPTIONS)
    except ValueError:
        hint = "write redis://host:6379/0, rediss://…, unix:///path or redis+socket:///path"
        raise BadInputError("broker_url", "is not an address of Redis", hint=hint) from None
