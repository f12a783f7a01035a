"""The poller: wakes channels that have waited for long enough, and restores in every loop."""

from collections.abc import Callable
from typing import Any

from kombu.transport.redis import MultiChannelPoller

__all__ = ["Poller"]


class Poller(MultiChannelPoller):
    """Kombu's poller of several channels."""

    _channels: set[Any]

    def on_poll_start(self) -> None:
        """Let every channel ask for messages that waits for them, or has waited for a while."""
        for channel in self._channels:
            channel.look_again_if_due()
        super().on_poll_start()

    def get(self, callback: Callable[..., Any], timeout: float | None = None) -> None:
        """Wait for one event; `timeout` is in seconds.

        Who drains events in a loop of its own (gevent, a consumer without a hub) has no timers:
        the restoring is done here, and no wait is longer than a channel's.
        """
        self.maybe_restore_messages()
        longest_s = min((channel.brpop_timeout for channel in self._channels), default=1)
        super().get(callback, longest_s if timeout is None else min(timeout, longest_s))
