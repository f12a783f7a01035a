"""The parts that a command works with, built when it needs them and closed behind it."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from enrich.bootstrap import Services, build
from enrich.errors import BrokerDownError
from enrich.telemetry import configure_logging

__all__ = ["Services", "check_broker", "opened"]


@contextmanager
def opened() -> Iterator[Services]:
    """Build the parts from the settings, starting embedded servers where no address is set.

    Raises:
        SettingsError, DependencyError: they cannot be built.
    """
    # What the parts have to say is for operators; a person at the shell hears of trouble only.
    configure_logging("ERROR")
    services = build()
    try:
        yield services
    finally:
        services.close()


def check_broker(url: str) -> None:
    """Ask once whether the broker is there.

    Raises:
        BrokerDownError: it is not.
    """
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as exc:
        raise BrokerDownError(
            "the broker does not answer; check REDIS_URL and ENRICH_BROKER__URL, or unset both"
        ) from exc
    finally:
        client.close()
