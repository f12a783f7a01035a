"""Hearing what PostgreSQL notifies: a hint that there is something to look for, never the only one.

A connection that was lost is made again; what was sent meanwhile nobody has heard, so whoever
listens looks once each time that it has connected, and now and then without any hint.
"""

import logging
import select
import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import psycopg2
import psycopg2.extensions
from sqlalchemy.exc import DBAPIError

from enrich.store.engine import make_engine

__all__ = ["REQUESTS_CHANNEL", "Notices"]

log = logging.getLogger("enrich.store")

#: What `enrich_request` notifies.
REQUESTS_CHANNEL = "enrich_requests"
_JOIN_S = 1.0


class Notices:
    """Calls `heard` when a channel is notified, from a thread of its own, until it is closed.

    `heard` is called again `pause_s` after it returned at the soonest: a hundred notices in that
    while are one. Without a connection another one is tried every `again_s`. Behind a pooler that
    shares connections between transactions nothing is ever heard.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        heard: Callable[[], None],
        *,
        again_s: float = 5.0,
        pause_s: float = 0.05,
    ) -> None:
        self._url, self._channel, self._heard = url, channel, heard
        self._again_s, self._pause_s = again_s, pause_s
        self._ended, self._is_lost = threading.Event(), False
        self._waking, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; what cannot end within a second ends with the process."""
        self._ended.set()
        self._wake.close()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        with closing(self._waking):
            while not self._ended.is_set():
                try:
                    self._connected()
                except (psycopg2.Error, DBAPIError) as exc:
                    if not self._is_lost:  # said once, however long it lasts
                        log.warning("notices.lost", extra={"error": type(exc).__name__})
                    self._is_lost = True
                self._ended.wait(self._again_s)

    def _connected(self) -> None:
        engine = make_engine(self._url, pool_size=1, application_name="enrich notices")
        try:
            pooled = engine.raw_connection()
            connection: Any = pooled.driver_connection
            # A pool would ask a connection that was cut to roll back, and complain.
            pooled.detach()
            with closing(connection):
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute(f"LISTEN {self._channel}")
                self._is_lost = False
                self._listen(connection)
        finally:
            with suppress(psycopg2.Error, DBAPIError):
                engine.dispose()

    def _listen(self, connection: psycopg2.extensions.connection) -> None:
        while not self._ended.is_set():
            self._heard()
            self._ended.wait(self._pause_s)
            connection.poll()
            while not connection.notifies and not self._ended.is_set():
                select.select([connection.fileno(), self._waking.fileno()], [], [])
                connection.poll()
            connection.notifies.clear()
