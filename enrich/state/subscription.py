"""A hint that something happened: messages of channels, or just the time that passes."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import redis

from enrich.state.faults import LINK_ERRORS
from enrich.state.link import LinkAwayError, RedisLink

__all__ = ["Subscription"]

_CONFIRM_S = 0.25


class Subscription:
    """Listens to channels on a connection of its own while it is entered.

    Never raises because of Redis: without it, or after its connection was cut, `wait` only lets
    time pass, and who uses it looks again.
    """

    def __init__(self, link: RedisLink, channels: Sequence[str]) -> None:
        self._link, self._channels = link, channels
        self._pubsub: redis.client.PubSub | None = None

    def __enter__(self) -> Self:
        try:
            self._pubsub = self._link.do(self._subscribed)
        except LinkAwayError:
            self._pubsub = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_up()

    def wait(self, timeout_s: float) -> None:
        """Return at the next message, or after `timeout_s`."""
        until_s = time.monotonic() + timeout_s
        while (left_s := until_s - time.monotonic()) > 0:
            if self._pubsub is None:
                time.sleep(left_s)
            elif self._received(self._pubsub, left_s):
                self._drain(self._pubsub)
                return

    def _subscribed(self, client: redis.Redis) -> redis.client.PubSub:
        pubsub: redis.client.PubSub = client.pubsub()  # type: ignore[no-untyped-call]
        pubsub.subscribe(*self._channels)
        # Confirmed one by one; before the last one came a message could be missed.
        for _ in self._channels:
            if pubsub.get_message(timeout=_CONFIRM_S) is None:
                break
        return pubsub

    def _drain(self, pubsub: redis.client.PubSub) -> None:
        # A leader frees many names at once: all that came is taken before anybody looks.
        while self._received(pubsub, 0.0):
            pass

    def _received(self, pubsub: redis.client.PubSub, timeout_s: float) -> bool:
        try:
            message = pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout_s)
        except LINK_ERRORS:
            self._give_up()
            return False
        return message is not None

    def _give_up(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is None:
            return
        try:
            pubsub.close()
        except LINK_ERRORS:
            return  # it was cut; nothing is left to close
