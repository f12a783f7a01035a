"""Asking the server for messages over one connection, and hearing when there are some.

A fetch is answered at once. When it found nothing, the connection is left to listen: the server has
noted which lists the fetch looked at and says so when one of them changes (client tracking). Where
it cannot do that, a short wait of the server itself stands in.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import Any, Final

import redis

from enrich.state.parked import KEEP, PARKED_KEY, TTL_S

__all__ = ["FETCH", "FORGET", "RESTORE", "Fetch", "Fetched", "Wire", "fetched_from"]

log = logging.getLogger("enrich.transport")

_LUA = Path(__file__).with_name("lua")
FETCH: Final = (_LUA / "fetch.lua").read_text()
FORGET: Final = (_LUA / "forget.lua").read_text()
RESTORE: Final = (_LUA / "restore.lua").read_text()
_SHA: Final = hashlib.sha1(FETCH.encode(), usedforsecurity=False).hexdigest()
#: How long the server waits at one list, where it cannot say that any of them has changed.
_NAP_S: Final = 0.05
_RANG: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """What to ask for. Keys are whole; `lists` are all queues of a priority before the next.

    `held` is where what is fetched is noted, for `held_ttl_s` (0: it is not).
    """

    unacked: str
    index: str
    held: str
    held_ttl_s: int
    prefix: str
    lists: tuple[str, ...]
    queues: tuple[str, ...]
    unacknowledged: frozenset[str]
    limit: int
    in_turn: bool

    def keys(self) -> list[str]:
        """Give the script's keys."""
        return [self.unacked, self.index, f"{self.prefix}{PARKED_KEY}", self.held, *self.lists]

    def arguments(self) -> list[Any]:
        """Give the script's arguments."""
        named = (
            word
            for queue in self.queues
            for word in (queue, "1" if queue in self.unacknowledged else "0")
        )
        turn = "1" if self.in_turn else "0"
        ttls = (TTL_S * 1000, self.held_ttl_s * 1000)
        return [self.limit, turn, len(self.queues), KEEP, *ttls, *named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a fetch gave: messages as (queue, tag, raw), and how many were parked instead."""

    messages: tuple[tuple[str, str, bytes], ...] = ()
    parked: int = 0


def fetched_from(reply: list[Any]) -> Fetched:
    """Read the script's reply."""
    parked, *flat = reply
    triples: Iterator[Any] = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    messages = tuple((queue.decode(), tag.decode(), raw) for queue, tag, raw in triples)
    if parked:
        log.error("message.parked", extra={"reason": "is not a message", "count": parked})
    return Fetched(messages=messages, parked=parked)


class _State(Enum):
    IDLE = "idle"
    ASKED = "asked"
    NAPPING = "napping"
    LISTENING = "listening"


@dataclass(slots=True)
class Wire:
    """One channel's side of its connection: what was sent over it, and what is awaited."""

    _state: _State = _State.IDLE
    _socket: object = None
    _tracks: bool = False
    _knows_script: bool = False
    _watched: tuple[str, ...] = ()
    _naps: int = 0
    _since_s: float = 0.0

    @property
    def is_listening(self) -> bool:
        """Whether nothing is owed to us: the server only says when there is something."""
        return self._state is _State.LISTENING

    def has_listened_for(self, wait_s: float) -> bool:
        """Say whether it has listened for as long."""
        return self.is_listening and monotonic() - self._since_s >= wait_s

    def ask(self, connection: Any, fetch: Fetch) -> None:
        """Send a fetch; its reply comes later."""
        self._meet(connection)
        keys = fetch.keys()
        which = ("EVALSHA", _SHA) if self._knows_script else ("EVAL", FETCH)
        connection.send_command(*which, len(keys), *keys, *fetch.arguments())
        self._state, self._watched = _State.ASKED, fetch.lists[: len(fetch.queues)]

    def hear(self, connection: Any) -> Fetched | None:
        """Read what has come; None when it was nothing, or only that there may be something.

        After that either a reply is still to come, or it listens, or `is_idle`: ask again.
        """
        while True:
            reply = self._read(connection)
            if reply is not _RANG:
                return self._answered(connection, reply)
            if self._state is _State.LISTENING:
                self._state = _State.IDLE
            if not connection.can_read(timeout=0):
                return None

    @property
    def is_idle(self) -> bool:
        """Whether the next thing to do is to ask."""
        return self._state is _State.IDLE

    @property
    def owes_messages(self) -> bool:
        """Whether the reply to a fetch is still to come."""
        return self._state is _State.ASKED

    def forget(self) -> None:
        """Expect nothing any more: the connection is gone, or has listened for long enough."""
        self._state = _State.IDLE

    def _meet(self, connection: Any) -> None:
        if self._socket is connection._sock:
            return
        self._socket = connection._sock
        self._knows_script = False
        self._tracks = _track(connection)

    def _read(self, connection: Any) -> Any:
        try:
            return connection.read_response(push_request=self._tracks)
        except redis.exceptions.NoScriptError:
            self._knows_script = False
            return None

    def _answered(self, connection: Any, reply: Any) -> Fetched | None:
        self._state = _State.IDLE
        if not isinstance(reply, list):
            return None
        self._knows_script = True
        fetched = fetched_from(reply)
        if not fetched.messages and not fetched.parked:
            self._rest(connection)
        return fetched

    def _rest(self, connection: Any) -> None:
        self._since_s = monotonic()
        if not self._tracks:
            # Its right end is moved to its right end: nothing changes, and what waits for it wakes.
            watched = self._watched[self._naps % len(self._watched)]
            self._naps += 1
            connection.send_command("BLMOVE", watched, watched, "RIGHT", "RIGHT", _NAP_S)
            self._state = _State.NAPPING
        elif not connection.can_read(timeout=0):
            self._state = _State.LISTENING


def _track(connection: Any) -> bool:
    """Have the server tell of changes; False when it, or its protocol, cannot."""
    if str(connection.get_protocol()) != "3":
        return False
    connection._parser.set_invalidation_push_handler(lambda _: _RANG)
    # What this connection takes itself is no news to it.
    connection.send_command("CLIENT", "TRACKING", "ON", "NOLOOP")
    try:
        connection.read_response()
    except redis.exceptions.ResponseError as exc:
        log.warning("transport.cannot_track", extra={"error": str(exc)})
        return False
    return True
