"""A messenger that is made when somebody is first told something: most processes tell nobody."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from enrich.ports.outside import Clock

if TYPE_CHECKING:
    from providers.messenger import HttpMessenger

__all__ = ["LateMessenger"]


class LateMessenger:
    """The port `Messenger`; `close` gives back the connections."""

    def __init__(self, *, clock: Clock, may_loop: bool) -> None:
        """Open nothing yet; `may_loop` allows loopback."""
        self._clock, self._may_loop = clock, may_loop
        self._lock = threading.Lock()
        self._made: HttpMessenger | None = None  # under the lock

    def check(self, url: str) -> None:
        """Refuse an address that no message goes to; the port's promise."""
        self._messenger().check(url)

    def send(self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float) -> str:
        """Send a message; the port's promise."""
        return self._messenger().send(url, headers, body, timeout_s=timeout_s)

    def close(self) -> None:
        """Give back the connections; the next use opens new ones."""
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None

    def _messenger(self) -> "HttpMessenger":
        # A third of a second, which only those pay who tell somebody.
        from providers.messenger import HttpMessenger

        with self._lock:
            if self._made is None:
                self._made = HttpMessenger(clock=self._clock, may_loop=self._may_loop)
            return self._made
