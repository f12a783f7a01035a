"""Unacknowledged messages: noted at the fetch, given back without a lock."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from kombu.transport import redis, virtual
from kombu.utils.encoding import bytes_to_str

from enrich.state.parked import PARKED_KEY, Parked

__all__ = ["QoS"]

#: A message that more workers than that have died with is given back at once no more.
_MOST_DEATHS = 3
_DEATHS = "enrich_deaths"


def _mark_redelivered(payload: dict[str, Any]) -> bool:
    with suppress(KeyError, TypeError):
        payload["headers"]["redelivered"] = True
    with suppress(KeyError, TypeError):
        payload["properties"]["delivery_info"]["redelivered"] = True
    return True


def _mark_of_death(payload: dict[str, Any]) -> bool:
    """Count a death; False when there were too many."""
    with suppress(KeyError, TypeError, AttributeError):
        deaths = payload["headers"].get(_DEATHS, 0) + 1
        payload["headers"][_DEATHS] = deaths
        return deaths <= _MOST_DEATHS and _mark_redelivered(payload)
    return False


class QoS(redis.QoS):
    """Kombu's acknowledgements, for messages that the server has noted already."""

    channel: Any
    _restore_due_s = 0.0

    def note(self, tag: str) -> None:
        """Remember a message that was fetched: it counts against the prefetch limit from here."""
        virtual.QoS.append(self, None, tag)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Remember a message; one that was not fetched by us is written down first."""
        if delivery_tag in (self._delivered or ()):
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Take note that a message has been dealt with."""
        self.channel.drop(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def ack_together(self, tags: Sequence[str]) -> None:
        """Take note that these messages have been dealt with, in one round trip."""
        self.channel.drop(*tags)
        for tag in tags:
            virtual.QoS.ack(self, tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give a message back to the end of its queue, or take note that nobody wants it."""
        if requeue:
            super().reject(delivery_tag, requeue=True)
        else:
            self.ack(delivery_tag)

    def forget(self, tag: str) -> None:
        """Count a message no longer that has been dealt with otherwise."""
        virtual.QoS.ack(self, tag)

    def restore_visible(self, *_: Any, num: int | None = 10, **_more: Any) -> None:
        """Give back what has been unacknowledged for longer than the visibility timeout.

        Kombu does it every so many calls, and how often that is differs by loop: some never get
        there. Here it is done once per `unacked_restore_interval`, by the server's clock, and needs
        no lock that a killed worker would leave behind: whoever is first gives a message back.
        """
        now_s = monotonic()
        if now_s < self._restore_due_s:
            return
        # Half of it: a timer that fires as often must never come too early.
        self._restore_due_s = now_s + self.channel.unacked_restore_interval / 2
        with self.channel.conn_or_acquire() as client:
            seconds, _ = client.time()
            oldest: Sequence[Any] = client.zrange(
                self.unacked_index_key,
                "-inf",
                seconds - self.visibility_timeout,
                byscore=True,
                offset=0,
                num=num or 1000,
            )
            # The oldest last, because the last that is given back is the first to be taken.
            for tag in reversed(oldest):
                self.restore_by_tag(bytes_to_str(tag), client=client)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Give one message back, at the end of its queue if `leftmost`; a lost race does nothing.

        Kombu watches the whole hash of unacknowledged messages for that, which every worker changes
        all the time.
        """
        command = "LPUSH" if leftmost else "RPUSH"
        with self.channel.conn_or_acquire(client) as connected:
            stored = connected.hget(self.unacked_key, tag) or b""
            self.channel.move_if(connected, tag, stored, self._lists_of(stored), command=command)

    def take_over(self, tag: str, client: Any) -> bool:
        """Give back a message that a worker has died with; False when somebody was first.

        One that was there at several deaths may be their cause: it waits for its visibility
        timeout, as all would without this.
        """
        stored = client.hget(self.channel.unacked_key, tag) or b""
        lists = self._lists_of(stored, _mark_of_death)
        return bool(lists) and self.channel.move_if(client, tag, stored, lists, command="RPUSH")

    def _lists_of(
        self, stored: bytes, mark: Callable[[dict[str, Any]], bool] = _mark_redelivered
    ) -> dict[str, str]:
        """Give the lists that a stored message goes back to, each with what it gets."""
        if not stored:
            return {}
        try:
            payload, exchange, routing_key = json.loads(stored)
            if not mark(payload):
                return {}
            lists = self.channel.lists_of(exchange, routing_key, payload)
        except (ValueError, TypeError):
            text = stored.decode(errors="replace")
            parked = Parked(reason="cannot be given back", message=text)
            return {self.channel.full_key(PARKED_KEY): parked.encode(datetime.now(UTC))}
        return dict.fromkeys(lists, json.dumps(payload))
