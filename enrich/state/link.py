"""The one connection to Redis that all shared state of a process goes through.

A call costs at most one socket timeout. When the server is away or frozen, the first caller pays
it, and all others are refused at once until a trial, by one caller at a time, finds it back.
"""

import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from enrich.errors import DependencyError, SettingsError
from enrich.ports.outside import Recorder
from enrich.ports.tracing import NO_TRACES, Tracer
from enrich.state.faults import LINK_ERRORS, Fault, fault_of
from enrich.state.switch import Switch
from enrich.state.wire import Wire

__all__ = [
    "FALLBACKS_TOTAL",
    "FAULTS_TOTAL",
    "SKIPPED_TOTAL",
    "LinkAwayError",
    "RedisLink",
    "Script",
    "script",
]

log = logging.getLogger(__name__)
T = TypeVar("T")

FAULTS_TOTAL = "enrich_redis_faults_total"
SKIPPED_TOTAL = "enrich_redis_skipped_total"
#: Counted by whoever answers from memory instead, with its part and the reason.
FALLBACKS_TOTAL = "enrich_fallbacks_total"

_LUA = Path(__file__).with_name("lua")
_USES = re.compile(r"-- uses: (\w+)\n")
_LOG_EVERY_S = 60.0
_REDIS = {"db.system.name": "redis"}
_CONNECTIONS = 256
#: Calls about so many keys keep the server busy for milliseconds. A process makes few at once: it
#: answers none the sooner, and who waits at the server for others may run out of time.
_MANY = 100
_TURNS = 4


class LinkAwayError(DependencyError):
    """Redis did not do it, now; every user of the link has an answer of its own for that.

    `reason` is away, stray, full or skipped (nobody was asked: it was away a moment ago).
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"Redis is not usable: {reason}{f' ({detail})' if detail else ''}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the name that the server caches it under."""

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """Read `lua/<name>.lua`; its first line may say `-- uses: <other>`, whose text goes before."""
    text = (_LUA / f"{name}.lua").read_text("utf-8")
    if shared := _USES.match(text):
        text = script(shared[1]).text + text
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(slots=True)
class _Own:
    """What belongs to one process; a fork leaves it behind, locks and sockets included."""

    client: redis.Redis
    wire: Wire
    switch: Switch
    lock: threading.Lock = field(default_factory=threading.Lock)
    turns: threading.Semaphore = field(default_factory=partial(threading.Semaphore, _TURNS))
    tried: bool = False
    #: When each event was last logged. Guarded by `lock`.
    said_at_s: dict[str, float] = field(default_factory=dict)


class RedisLink:
    """Calls to Redis or Valkey, with their faults told apart; safe for threads and forks.

    `url` is redis://, rediss:// or unix://. `now_s` is a monotonic clock. Nothing is connected
    until the first call. A second link of a process is silent: the first says that Redis is away.
    """

    def __init__(
        self,
        url: str,
        *,
        recorder: Recorder | None = None,
        timeout_s: float = 0.25,
        now_s: Callable[[], float] = time.monotonic,
        is_silent: bool = False,
        tracer: Tracer = NO_TRACES,
    ) -> None:
        self._url, self._recorder, self._timeout_s, self._now_s = url, recorder, timeout_s, now_s
        self._is_silent, self._tracer = is_silent, tracer
        #: By process: a fork has none at first, whatever was made before it.
        self._owns: dict[int, _Own] = {}

    def do(self, work: Callable[[redis.Redis], T]) -> T:
        """Let `work` use the client, once.

        Raises:
            LinkAwayError: it was not done, or nobody knows whether it was done.
            SettingsError: the server refuses our password or a command.
            DependencyError: the server wants a cluster client.
        """
        return self._guarded(lambda own: work(own.client))

    def _guarded(self, work: Callable[[_Own], T], name: str = "") -> T:
        own = self._mine()
        self._admit(own)
        span = self._tracer.begin(f"redis {name}".rstrip(), _REDIS)
        try:
            result = work(own)
        except LINK_ERRORS as error:
            span.end(error=type(error).__name__)
            failure = self._failed(own, error)
            raise failure from (error if failure is not error else error.__cause__)
        span.end()
        if own.switch.succeeded():
            self._say(own, logging.INFO, "redis.back", "[L2Cache] Redis is back")
        return result

    def call(self, *command: str | bytes | int) -> Any:
        """Give the reply to one command, however long that is; raises what `do` raises."""
        with self._turn(len(command)):
            return self._guarded(lambda own: own.wire.call(*command))

    def run(
        self,
        name: str,
        *,
        keys: Sequence[str] = (),
        args: Sequence[Any] = (),
        items: int | None = None,
    ) -> Any:
        """Run the script `lua/<name>.lua`, in one round trip when the server knows it.

        `items` is how many items its reply has, when it is a list. Raises what `do` raises.
        """
        wanted = script(name)

        def evaluate(own: _Own) -> Any:
            try:
                return own.wire.call("EVALSHA", wanted.sha, len(keys), *keys, *args)
            except redis.exceptions.NoScriptError:
                return own.wire.call("EVAL", wanted.text, len(keys), *keys, *args)

        with self._turn(len(keys)):
            reply = self._guarded(evaluate, name)
        if items is not None and not (isinstance(reply, list) and len(reply) == items):
            raise self.garbled(f"the reply of {name} has another shape")
        return reply

    def garbled(self, detail: str) -> LinkAwayError:
        """Make the error for a reply that cannot be ours; its connection is dropped."""
        failure = self._failed(self._mine(), redis.exceptions.InvalidResponse(detail))
        return failure if isinstance(failure, LinkAwayError) else LinkAwayError("stray", detail)

    def available(self) -> bool:
        """Say whether calls are let through; asks the server when nobody has yet."""
        own = self._mine()
        if not own.tried:
            try:
                self.do(lambda client: client.ping())
            except LinkAwayError:
                return False
        return own.switch.lets_through

    @property
    def back_at_s(self) -> float | None:
        """When a trial last found the server back, on the link's clock; None when it never left."""
        return self._mine().switch.back_at_s

    def now_s(self) -> float:
        """Read the link's monotonic clock."""
        return self._now_s()

    def close(self) -> None:
        """Close this process's connections; the next call opens new ones."""
        if own := self._owns.pop(os.getpid(), None):
            own.client.close()
            own.wire.close()

    def _mine(self) -> _Own:
        pid = os.getpid()
        if own := self._owns.get(pid):
            return own
        for other in [*self._owns]:
            if other != pid:
                self._owns.pop(other, None)
        # Two threads may both come here; the loser's client has not connected to anything.
        client = self._connect()
        fresh = _Own(client, Wire(client.connection_pool), Switch(self._now_s))
        return self._owns.setdefault(pid, fresh)

    def _connect(self) -> redis.Redis:
        try:
            pool = self._pool()
        except ValueError:
            # The error of redis-py may quote the address, and with it a password.
            problem = "it is no address of the form redis://, rediss:// or unix://"
            raise SettingsError("REDIS_URL", problem) from None
        return redis.Redis.from_pool(pool)

    def _pool(self) -> redis.ConnectionPool:
        # RESP2 and no driver info: a new connection is usable without a round trip of its own.
        return redis.ConnectionPool.from_url(
            self._url,
            socket_timeout=self._timeout_s,
            socket_connect_timeout=self._timeout_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
            decode_responses=False,
            max_connections=_CONNECTIONS,
        )

    def _turn(self, keys: int) -> AbstractContextManager[object]:
        """Wait until a call about many keys is due, before it is decided whether it is made."""
        return self._mine().turns if keys > _MANY else nullcontext()

    def _admit(self, own: _Own) -> None:
        own.tried = True
        if not own.switch.admit():
            self._count(SKIPPED_TOTAL)
            raise LinkAwayError("skipped")

    def _failed(self, own: _Own, error: Exception) -> Exception:
        fault = fault_of(error)
        if fault is Fault.OURS:
            return error
        self._count(FAULTS_TOTAL, reason=fault.value)
        if fault is Fault.DENIED:
            return SettingsError("REDIS_URL", f"the server refuses us: {error}")
        if fault is Fault.CLUSTER:
            return DependencyError(f"a Redis cluster is not supported: {error}")
        if fault is Fault.FULL:
            self._say(own, logging.WARNING, "redis.full", "[L2Cache] Redis has no memory left")
        else:
            self._lost(own, fault, error)
        return LinkAwayError(fault.value, str(error))

    def _lost(self, own: _Own, fault: Fault, error: BaseException) -> None:
        is_away = own.switch.failed(surely_away=fault is Fault.AWAY)
        # Idle connections of a server that went away, or of a reply out of step, are of no use.
        own.client.connection_pool.disconnect(inuse_connections=False)
        own.wire.close()
        if is_away:
            text = "[L2Cache] Redis not available, using in-memory fallback"
            self._say(own, logging.WARNING, "redis.lost", text, reason=str(error))

    def _say(self, own: _Own, level: int, event: str, text: str, **fields: str) -> None:
        if self._is_silent:
            return
        now_s = self._now_s()
        with own.lock:
            if now_s - own.said_at_s.get(event, -_LOG_EVERY_S) < _LOG_EVERY_S:
                return
            own.said_at_s[event] = now_s
        log.log(level, text, extra={"event": event, **fields})

    def _count(self, name: str, **labels: str) -> None:
        if self._recorder is not None:
            self._recorder.count(name, 1, labels or None)
