"""Whether the broker answers, asked before anything is given to a client that would wait long."""

from functools import cache

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from enrich.errors import BrokerDownError

__all__ = ["check_broker"]

_ANSWER_S = 1.0


def check_broker(url: str) -> None:
    """Ask once whether the broker takes commands; `url` is in redis-py's form.

    Raises:
        BrokerDownError: it did not answer within a second.
    """
    try:
        _client(url).ping()
    except redis.RedisError as exc:
        raise BrokerDownError(
            f"the broker does not answer ({type(exc).__name__}), nothing was sent; "
            "try again later, or check REDIS_URL and ENRICH_BROKER__URL"
        ) from exc


@cache
def _client(url: str) -> redis.Redis:
    # Its own connection, without the patience of those that carry messages.
    return redis.Redis.from_url(
        url,
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_ANSWER_S,
        retry=Retry(NoBackoff(), 0),
    )
