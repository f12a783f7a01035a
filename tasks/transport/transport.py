"""The transport: which channel and which poller belong together."""

from typing import Any

from kombu.transport import redis

from tasks.transport.channel import Channel
from tasks.transport.poller import Poller

__all__ = ["Transport"]


class Transport(redis.Transport):
    """Kombu's Redis transport with our channel and poller."""

    Channel = Channel

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = Poller()
        #: What the loop calls for us at each of its turns, and the loop's set of such.
        self._turns: tuple[set[Any], set[Any]] = (set(), set())

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Have the loop look after this connection, until it is closed."""
        self._leave_loop()
        before = set(loop.on_tick)
        super().register_with_event_loop(connection, loop)
        self._turns = (loop.on_tick - before, loop.on_tick)

    def close_connection(self, connection: Any) -> None:
        """Close it. The loop that outlives it forgets it.

        Kombu leaves one call a turn behind with every reconnection, and with it all of the
        transport that was.
        """
        self._leave_loop()
        super().close_connection(connection)

    def _leave_loop(self) -> None:
        ours, all_turns = self._turns
        all_turns -= ours
        self._turns = (set(), set())
