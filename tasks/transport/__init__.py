"""A Redis transport for Kombu that cannot lose a message.

Kombu's own takes a message out of its queue and writes it down as unacknowledged afterwards: a
worker that is killed in between has lost it. Here both are one step of the server. All else is
Kombu's: keys, wire format, acknowledgements, priorities, fanout. Either kind of worker, and either
kind of producer, may share a queue with the other.

It needs Redis 7 or Valkey. It is asked for by the scheme of the broker's address, so that other
users of Kombu in the same process keep theirs, and so do the addresses that people write.
"""

from urllib.parse import urlsplit

from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES

from tasks.transport.transport import Transport

__all__ = ["Transport", "atomic_url", "plain_url"]

_CLASS = "tasks.transport.transport:Transport"
_PREFIX = "enrich-"


def atomic_url(broker_url: str) -> str:
    """Give the broker's address, in Celery's form, that chooses this transport.

    An address of another kind of broker passes unchanged.
    """
    scheme, _, _ = urlsplit(broker_url).scheme.partition("+")
    if scheme not in {"redis", "rediss"}:
        return broker_url
    _register(scheme)
    return f"{_PREFIX}{broker_url}"


def plain_url(broker_url: str) -> str:
    """Give an address without the choice of this transport."""
    return broker_url.removeprefix(_PREFIX)


def _register(scheme: str) -> None:
    TRANSPORT_ALIASES[f"{_PREFIX}{scheme}"] = _CLASS
    # Where an address is shown, Flower for one, it is that of a plain Redis.
    Connection.resolve_aliases[f"{_PREFIX}{scheme}"] = scheme
