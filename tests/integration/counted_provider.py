"""A provider with a rate limit that calls a counting server of the test; for worker processes."""

import os
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException

from enrich.domain.outcome import Found, Outcome, Unavailable
from enrich.domain.provider import Answer, ProviderSpec, Query, Tier
from enrich.domain.rate import RateLimit
from enrich.domain.values import Observation
from enrich.ports import Deadline, Provider

__all__ = ["LIMIT", "PORT", "counted"]

#: The variable that holds the server's port; no setting of ours, so without our prefix.
PORT = "COUNTED_PROVIDER_PORT"
LIMIT = RateLimit(20, 1.0)

_SPEC = ProviderSpec(
    name="counted",
    version="1",
    tier=Tier.FREE,
    gives={"industry": 0.9},
    inputs=(frozenset({"company_name"}),),
    limits=(LIMIT,),
)


class Counted:
    """Asks the server about each row, on one connection a thread."""

    spec = _SPEC

    def __init__(self, port: int) -> None:
        self._port = port
        self._own = threading.local()

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Make one call a row; its path is the moment when it leaves, in µs."""
        return [Answer(outcome=self._asked()) for _ in queries]

    def _asked(self) -> Outcome:
        try:
            connection = self._connection()
            connection.request("GET", f"/{time.monotonic_ns() // 1000}")
            connection.getresponse().read()
        except (OSError, HTTPException) as exc:
            return Unavailable(str(exc))
        return Found({"industry": Observation(value="Tools", confidence=0.9)})

    def _connection(self) -> HTTPConnection:
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection: HTTPConnection = self._own.connection
        return connection


def counted() -> Provider:
    """Make the provider; its server's port is in the environment."""
    return Counted(int(os.environ[PORT]))
