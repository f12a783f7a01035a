"""A request as the worker received it, and how its message is acknowledged or given back."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

__all__ = ["Call", "Receipts", "call_of"]

log = logging.getLogger("enrich.tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the task's name and id, its arguments, its message; `at_s` is monotonic.

    Who does not wait wants no result.
    """

    id: str
    task: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    waits: bool
    message: Any
    at_s: float


def call_of(message: Any) -> Call | None:
    """Read a message; None when more is asked than what can be done together with others."""
    headers, body = message.headers, message.payload
    if not isinstance(body, list | tuple) or any(headers.get(name) for name in _ALONE):
        return None
    args, kwargs, embed = body
    if embed and any(embed.get(name) for name in ("callbacks", "errbacks", "chain", "chord")):
        return None
    return Call(
        id=headers["id"],
        task=headers["task"],
        args=args,
        kwargs=kwargs,
        waits=not headers.get("ignore_result"),
        message=message,
        at_s=monotonic(),
    )


#: What Celery itself must see to: its moment, its end, and a repetition.
_ALONE = ("eta", "expires", "retries", "stamps")


#: What cannot be served now is asked again after so long.
_PAUSE_S = 1.0


class Receipts:
    """Acknowledges messages, or gives them back, in the thread that fetches them.

    Messages that are held for a group do not count against the prefetch limit, up to `most`: a
    group could never grow beyond it.
    """

    def __init__(self, consumer: Any, *, most: int) -> None:
        self._consumer, self._most = consumer, most
        # By delivery tag the limit that was raised for a message: each connection has one of its
        # own. Only changed in the thread that fetches.
        self._raised: dict[str, Any] = {}

    def hold(self, call: Call) -> None:
        """Take note of a message that is held."""
        tag = call.message.delivery_tag
        if len(self._raised) < self._most and tag not in self._raised:
            self._consumer.qos.increment_eventually()
            self._raised[tag] = self._consumer.qos

    def acknowledge(self, calls: Sequence[Call]) -> None:
        """Have the messages of these forgotten; from any thread."""
        self._soon(lambda: self._forget(calls))

    def give_back(self, calls: Sequence[Call]) -> None:
        """Have these come again, but for those that are acknowledged; from any thread."""
        hub = self._consumer.hub
        self._soon(lambda: hub.call_later(_PAUSE_S, lambda: self._return(calls)))

    def _soon(self, work: Callable[[], None]) -> None:
        hub = self._consumer.hub
        if hub is not None:
            hub.call_soon(work)

    def _return(self, calls: Sequence[Call]) -> None:
        self._lower(calls)
        _requeue([c.message for c in calls], self._consumer.connection_errors)

    def _lower(self, calls: Sequence[Call]) -> None:
        for call in calls:
            qos = self._raised.pop(call.message.delivery_tag, None)
            if qos is not None:
                qos.decrement_eventually()

    def _forget(self, calls: Sequence[Call]) -> None:
        self._lower(calls)
        by_channel: dict[int, list[Any]] = {}
        for call in calls:
            by_channel.setdefault(id(call.message.channel), []).append(call.message)
        for messages in by_channel.values():
            _ack(messages, self._consumer.connection_errors)


def _ack(messages: Sequence[Any], errors: Any) -> None:
    try:
        together = getattr(messages[0].channel, "ack_together", None)
        if together is not None:
            together(messages)
            return
        for message in messages:
            message.ack()
    except errors as exc:
        # They come again, and are known by their callers.
        log.warning("messages.not_acknowledged", extra={"error": str(exc), "count": len(messages)})


def _requeue(messages: Sequence[Any], errors: Any) -> None:
    try:
        for message in messages:
            if not message.acknowledged:
                message.reject(requeue=True)
    except errors as exc:
        # They come again when the channel is closed, or in time.
        log.warning("messages.not_given_back", extra={"error": str(exc), "count": len(messages)})
