"""What lies under the channel: one client, whole keys, and moving what is unacknowledged."""

from collections.abc import Iterable
from typing import Any

import redis
from kombu.transport import redis as stock
from kombu.utils.objects import cached_property

from tasks.transport.fetching import FORGET, RESTORE

__all__ = ["OneClientChannel"]

#: What a worker has fetched and not dealt with, by its name: whoever comes under it gives it back.
_HELD_KEY = "enrich:v1:fetched:"

#: The stubs of Kombu leave out nearly all that a subclass works with.
_Stock: Any = stock.Channel


class OneClientChannel(_Stock):  # type: ignore[misc] # of no known type, see above
    """Kombu's channel with one client for all that does not wait."""

    _client_for_all: Any = None
    #: The name of the worker that fetches; empty for others.
    worker = ""

    from_transport_options = (*_Stock.from_transport_options, "worker")

    @property
    def held_key(self) -> str:
        """Where the tags that this worker has fetched are noted, each with when."""
        return f"{_HELD_KEY}{self.worker}"

    def lists_of(self, exchange: str, routing_key: str, payload: dict[str, Any]) -> tuple[str, ...]:
        """Give the whole keys of the lists where a message of this routing belongs."""
        # An exchange may have lost its bindings with the server: the queue has the key's name then.
        queues: Iterable[str] = self._lookup(exchange, routing_key) or [routing_key]
        priority = self._get_message_priority(payload)
        return tuple(self.full_key(self._q_for_pri(queue, priority)) for queue in queues)

    def move(self, client: redis.Redis, tag: str, lists: dict[str, str], *, command: str) -> None:
        """Move an unacknowledged message to lists, unless somebody was first."""
        stored: Any = client.hget(self.unacked_key, tag) or b""
        self.move_if(client, tag, stored, lists, command=command)

    def move_if(
        self,
        client: redis.Redis,
        tag: str,
        stored: bytes,
        lists: dict[str, str],
        *,
        command: str,
    ) -> bool:
        """Move it if it is stored like that. `lists` are whole keys with what each gets.

        False when somebody was first.
        """
        return bool(
            self._restoring(
                keys=[*self._unacked_keys(), *lists],
                args=[tag, stored, command, *lists.values()],
                client=client,
            )
        )

    def drop(self, *tags: str) -> None:
        """Take messages from the unacknowledged, in one round trip.

        Kombu's own transaction of two commands takes half as much again of the loop's time.
        """
        self._forgetting(keys=self._unacked_keys(), args=tags, client=self._create_client())

    def _unacked_keys(self) -> list[str]:
        # Kombu's prefixing client prefixes the first key itself.
        others = (self.unacked_index_key, self.held_key)
        return [self.unacked_key, *map(self.full_key, others)]

    def full_key(self, key: str) -> str:
        """Give the key as the server knows it."""
        return f"{self.global_keyprefix}{key}"

    def _connparams(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            # Kombu's answer is an AttributeError, which ends the worker when the server restarts.
            raise redis.exceptions.ConnectionError("the channel is closed")
        return super()._connparams(asynchronous)

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)
        # Making one costs 85 µs, and Kombu makes one per acknowledgement and message sent.
        if self._client_for_all is None:
            self._client_for_all = super()._create_client()
        return self._client_for_all

    def _disconnect_pools(self) -> None:
        self._client_for_all = None
        super()._disconnect_pools()

    @cached_property
    def _forgetting(self) -> Any:
        return self._create_client().register_script(FORGET)

    @cached_property
    def _restoring(self) -> Any:
        return self._create_client().register_script(RESTORE)
