"""The channel: fetches in one step, delivers one by one, and keeps one client for all else."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from queue import Empty
from time import monotonic
from typing import Any

import redis
from kombu.utils.json import dumps, loads
from kombu.utils.objects import cached_property

from enrich.state.parked import KEEP, PARKED_KEY, TTL_S, Parked
from tasks.transport.fetching import FETCH, Fetch, Fetched, Wire, fetched_from
from tasks.transport.one_client import OneClientChannel
from tasks.transport.qos import QoS

__all__ = ["Channel"]

log = logging.getLogger("enrich.transport")

#: Of one fetch: what comes at once is held by one process until it is worked off.
_MOST = 50
#: How long it is known, after the last fetch, which messages a worker holds.
_HELD_TTL_S = 86_400
#: What reading a message of somebody else's making may raise.
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class Channel(OneClientChannel):
    """Kombu's channel, whose messages are never in no place."""

    QoS = QoS
    _in_poll: Any
    _brpop_sent_at: float | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._wire = Wire()
        #: Queues of which a message counts as done when it is handed over.
        self._no_ack: set[str] = set()
        super().__init__(*args, **kwargs)

    # What is consumed

    def basic_consume(self, queue: str, no_ack: bool, callback: Any, *args: Any, **kw: Any) -> Any:
        """Consume from a queue; what cannot be read is parked, and disturbs nobody."""
        done = super().basic_consume(queue, no_ack, callback, *args, **kw)
        (self._no_ack.add if no_ack else self._no_ack.discard)(queue)

        def receive(raw: dict[str, Any]) -> Any:
            message = self._readable(raw, queue)
            if message is None:
                return None
            if not no_ack:
                self.qos.append(message, message.delivery_tag)
            return callback(message)

        self.connection._callbacks[queue] = receive
        return done

    def basic_get(self, queue: str, no_ack: bool = False, **_: Any) -> Any:
        """Take one message now; None when there is none."""
        fetch = self._fetch([queue], limit=1, unacknowledged={queue} if no_ack else set())
        keys = [self.unacked_key, *fetch.keys()[1:]]
        with self.conn_or_acquire() as client:
            reply = self._fetching(keys=keys, args=fetch.arguments(), client=client)
            self._maybe_update_queues_expire(client, queue)
        for _queue, tag, raw in fetched_from(reply).messages:
            if not no_ack:
                self.qos.note(tag)
            if (loaded := self._loaded(queue, tag, raw)) is not None:
                message = self._readable(loaded, queue)
                if message is not None and not no_ack:
                    self.qos.append(message, tag)
                return message
        return None

    def ack_together(self, messages: Sequence[Any]) -> None:
        """Acknowledge messages of this channel, in one round trip; one that is settled is left."""
        fresh = [message for message in messages if not message.acknowledged]
        if fresh:
            self.qos.ack_together([message.delivery_tag for message in fresh])
        for message in fresh:
            message._state = "ACK"

    def take_over(self) -> int:
        """Give back what the last life of this worker had fetched and left; gives how many.

        Before this life fetches anything: what it will hold is known by the same name.
        """
        if not self.worker:
            return 0
        index, held = self.full_key(self.unacked_index_key), self.full_key(self.held_key)
        with self.conn_or_acquire() as client:
            # What was given back meanwhile and fetched by somebody else has two moments.
            apart: Sequence[tuple[bytes, float]] = client.zinter(
                {index: 1, held: -1}, withscores=True
            )
            ours = {tag for tag, apart_s in apart if apart_s == 0}
            fetched: Sequence[bytes] = client.zrange(self.held_key, 0, -1)
            # The oldest last, because the last that is given back is the first to be taken.
            left = [tag.decode() for tag in reversed(fetched) if tag in ours]
            given = [self.qos.take_over(tag, client) for tag in left]
            client.delete(self.held_key)
        return sum(given)

    def look_again_if_due(self) -> None:
        """Ask anew when nothing was heard for a while, or the queues have changed."""
        if self._wire.has_listened_for(self.brpop_timeout):
            self._ask_next_time()

    def _ask_next_time(self) -> None:
        if self._wire.is_listening:
            self._wire.forget()
            self._in_poll = None

    def _update_queue_cycle(self) -> None:
        super()._update_queue_cycle()
        self._ask_next_time()

    # In place of BRPOP, under the names by which Kombu's poller knows it

    def _brpop_start(self, timeout: float | None = None) -> None:  # noqa: ARG002 # Kombu's signature
        queues = self._queue_cycle.consume(len(self.active_queues))
        if not queues:
            return
        free = self.qos.can_consume_max_estimate()
        limit = _MOST if free is None else max(1, min(free, _MOST))
        connection = self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        unacknowledged = self._no_ack if self.ack_emulation else set(queues)
        self._wire.ask(connection, self._fetch(queues, limit=limit, unacknowledged=unacknowledged))

    def _brpop_read(self, **_: Any) -> bool:
        fetched = self._heard()
        if fetched is None or not fetched.messages:
            raise Empty
        self._queue_cycle.rotate(fetched.messages[-1][0])
        self._deliver_all(fetched)
        return True

    def _heard(self) -> Fetched | None:
        connection = self.client.connection
        try:
            fetched = self._wire.hear(connection)
        except self.connection_errors:
            self._wire.forget()
            self._in_poll = None
            connection.disconnect()
            raise
        except self.ResponseError:
            self._wire.forget()
            self._in_poll = None
            raise
        if self._wire.is_idle:
            self._in_poll = None
            self._flush_brpop_reauth()
        elif self._wire.is_listening:
            # Nothing is owed, so nothing can be overdue.
            self._brpop_sent_at = None
        return fetched

    def _poll_error(self, type: str, **options: Any) -> None:  # noqa: A002 # Kombu's signature
        if type == "BRPOP":
            self._brpop_read()
        else:
            super()._poll_error(type, **options)

    def _on_connection_disconnect(self, connection: Any) -> None:
        if self._in_poll is connection:
            self._wire.forget()
        super()._on_connection_disconnect(connection)

    # What was fetched

    def _deliver_all(self, fetched: Fetched) -> None:
        # All are noted before the first is handed over: should that raise, none is forgotten when
        # the channel is closed.
        for queue, tag, _ in fetched.messages:
            if queue not in self._no_ack:
                self.qos.note(tag)
        for queue, tag, raw in fetched.messages:
            if queue not in self.connection._callbacks:
                self.qos.reject(tag, requeue=True)  # cancelled since it was asked for
            elif (loaded := self._loaded(queue, tag, raw)) is not None:
                self.connection._deliver(loaded, queue)

    def _loaded(self, queue: str, tag: str, raw: bytes) -> dict[str, Any] | None:
        try:
            loaded: dict[str, Any] = loads(raw)
            loaded["properties"].setdefault("delivery_info", {})
        except _UNREADABLE as exc:
            self._park(tag, queue, raw.decode(errors="replace"), exc)
            return None
        return loaded

    def _readable(self, raw: dict[str, Any], queue: str) -> Any:
        try:
            return self.Message(raw, channel=self)
        except _UNREADABLE as exc:
            tag = raw.get("properties", {}).get("delivery_tag", "")
            self._park(tag, queue, dumps(raw), exc)
            return None

    def _park(self, tag: str, queue: str, text: str, exc: Exception) -> None:
        parked = Parked(reason=f"cannot be read: {type(exc).__name__}", queue=queue, message=text)
        log.error("message.parked", extra={"reason": parked.reason, "queue": queue})
        record = parked.encode(datetime.now(UTC))
        with self.conn_or_acquire() as client:
            self.move(client, tag, {self.full_key(PARKED_KEY): record}, command="LPUSH")
            # Kombu's prefixing client does not know these commands.
            for bound in (("LTRIM", 0, KEEP - 1), ("EXPIRE", TTL_S)):
                name, *numbers = bound
                execute: Any = redis.Redis.execute_command
                execute(client, name, self.full_key(PARKED_KEY), *numbers)
        self.qos.forget(tag)

    def close(self) -> None:
        """Give back what is not acknowledged, and what was fetched and not yet read."""
        if self._in_poll and self._wire.owes_messages:
            self._note_what_comes()
        self._in_poll = None
        super().close()
        # What is given back goes through connections that are made anew.
        self._disconnect_pools()

    def _note_what_comes(self) -> None:
        try:
            fetched = self._wire.hear(self.client.connection)
        except self.connection_errors:
            return  # what it was lies among the unacknowledged, and comes back in time
        for queue, tag, _ in fetched.messages if fetched else ():
            if queue not in self._no_ack:
                self.qos.note(tag)

    @cached_property
    def _fetching(self) -> Any:
        return self._create_client().register_script(FETCH)

    def _fetch(self, queues: Sequence[str], *, limit: int, unacknowledged: set[str]) -> Fetch:
        lists = (
            self.full_key(self._q_for_pri(queue, priority))
            for priority in self.priority_steps
            for queue in queues
        )
        return Fetch(
            unacked=self.full_key(self.unacked_key),
            index=self.full_key(self.unacked_index_key),
            held=self.full_key(self.held_key),
            held_ttl_s=_HELD_TTL_S if self.worker else 0,
            prefix=self.global_keyprefix,
            lists=tuple(lists),
            queues=tuple(queues),
            unacknowledged=frozenset(unacknowledged),
            limit=limit,
            in_turn=self.queue_order_strategy == "round_robin",
        )
