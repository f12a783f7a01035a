"""The numbers of all processes together, exact: each batch is added once, and kept until it is."""

import atexit
import json
import os
import threading
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.keys import provider_of
from enrich.domain.metrics import EnrichmentMetrics, Sums, metrics_of
from enrich.errors import EnrichError
from enrich.ports.shared import Breakers
from enrich.state.link import RedisLink
from enrich.state.metrics_memory import Amount, MemoryMetrics, sums_of
from enrich.state.names import key_of

__all__ = ["RedisMetrics", "amount_of", "read_metrics"]

#: While the server is away a batch is offered this many times less often.
_SLOWER = 10


@dataclass(slots=True)
class _Own:
    """What belongs to one process: after a fork the child must not send its parent's counts."""

    pid: int = field(default_factory=os.getpid)
    sender: str = field(default_factory=lambda: token_hex(8))
    pending: MemoryMetrics = field(default_factory=MemoryMetrics)
    #: One thread sends at a time; guards `number`, `batch` and `sent`.
    sending: threading.Lock = field(default_factory=threading.Lock)
    number: int = 0
    batch: Counter[Amount] = field(default_factory=Counter)
    sent: Counter[Amount] = field(default_factory=Counter)

    def whole(self) -> Sums:
        """Add up what this process has counted."""
        with self.sending:
            return sums_of(self.sent + self.batch + self.pending.amounts())

    timer: threading.Timer | None = None


class RedisMetrics:
    """A recorder that adds up in memory and sends about every `flush_s` seconds, and at exit.

    Give it a link of its own: a link that records its faults here would count its own sending. With
    `flush_s` None nothing is sent until `flush`. A process that ends without running its exit
    handlers calls `close` first.
    """

    def __init__(self, link: RedisLink, *, version: int = 1, flush_s: float | None = 0.5) -> None:
        self._link, self._version, self._flush_s = link, version, flush_s
        self._sums = key_of(version, "metrics", "", "sums")
        self._own = _Own()
        atexit.register(_close, weakref.ref(self))

    def count(self, name: str, amount: int = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add to a counter."""
        own = self._mine()
        own.pending.count(name, amount, labels)
        self._send_later(own, self._flush_s)

    def observe(
        self,
        name: str,
        seconds: float,
        labels: Mapping[str, str] | None = None,
        *,
        times: int = 1,
    ) -> None:
        """Add a duration, that many times."""
        own = self._mine()
        own.pending.observe(name, seconds, labels, times=times)
        self._send_later(own, self._flush_s)

    def flush(self) -> bool:
        """Send what is pending, in one round trip; False when it must be kept for later."""
        own = self._mine()
        with own.sending:
            while self._has_batch(own):
                sender = key_of(self._version, "metrics", "", own.sender)
                try:
                    self._link.run(
                        "metrics_add",
                        keys=(self._sums, sender),
                        args=(own.number, *_flat(own.batch)),
                    )
                except EnrichError:
                    # Nobody knows whether it arrived: the same number makes it count once.
                    return False
                own.sent.update(own.batch)
                own.batch = Counter()
        return True

    def read(self) -> Sums:
        """Give the sums of all processes; without Redis those of this one."""
        self.flush()
        try:
            raw: Any = self._link.do(lambda client: client.hgetall(self._sums))
        except EnrichError:
            return self._mine().whole()
        return sums_of({amount_of(text): int(number) for text, number in raw.items()})

    def close(self) -> None:
        """Send what is pending and stop sending by itself."""
        own = self._mine()
        if own.timer is not None:
            own.timer.cancel()
        self.flush()

    def _mine(self) -> _Own:
        if self._own.pid != os.getpid():
            self._own = _Own()
        return self._own

    def _has_batch(self, own: _Own) -> bool:
        if not own.batch:
            own.batch = own.pending.take()
            own.number += bool(own.batch)
        return bool(own.batch)

    def _send_later(self, own: _Own, after_s: float | None) -> None:
        if after_s is None or own.timer is not None:
            return
        timer = threading.Timer(after_s, self._tick)
        timer.daemon = True
        own.timer = timer
        # The interpreter is ending: what is pending is sent by the exit handler.
        with suppress(RuntimeError):
            timer.start()

    def _tick(self) -> None:
        own = self._mine()
        own.timer = None
        if not self.flush() and self._flush_s is not None:
            self._send_later(own, self._flush_s * _SLOWER)


def read_metrics(metrics: RedisMetrics | MemoryMetrics, breakers: Breakers) -> EnrichmentMetrics:
    """Give the numbers of all processes and the health of all providers, in four round trips."""
    by_provider: dict[str, list[BreakerStatus]] = {}
    for key, status in breakers.status(breakers.known()).items():
        by_provider.setdefault(provider_of(key), []).append(status)
    return metrics_of(metrics.read(), by_provider)


def _close(metrics: "weakref.ref[RedisMetrics]") -> None:
    living = metrics()
    if living is not None:
        living.close()


def _flat(batch: Mapping[Amount, int]) -> list[str | int]:
    return [part for key, number in batch.items() for part in (json.dumps(key), number)]


def amount_of(text: bytes) -> Amount:
    """Read the name of a sum."""
    what, name, labels, bucket = json.loads(text)
    return what, name, _labels(labels), bucket


def _labels(pairs: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs)
