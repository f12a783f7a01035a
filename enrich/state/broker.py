"""Whether the broker answers, asked before anything is given to a client that would wait long."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from enrich.errors import BrokerDownError
from enrich.state.link import RedisLink

__all__ = ["check_broker", "queue_depths"]

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


def queue_depths(link: RedisLink, queues: Sequence[str]) -> Mapping[str, int]:
    """Count the messages that wait in each queue, in one round trip.

    Raises `LinkAwayError`.
    """

    def look(client: redis.Redis) -> list[Any]:
        with client.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.llen(queue)
            return pipe.execute()

    return dict(zip(queues, map(int, link.do(look)), strict=True))


@cache
def _client(url: str) -> redis.Redis:
    # Its own connection, without the patience of those that carry messages.
    return redis.Redis.from_url(
        url,
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_ANSWER_S,
        retry=Retry(NoBackoff(), 0),
    )
