"""Shared state in memory or in Valkey, under a time that tests move on by hand.

In Valkey time passes by taking it off: every key of the test's own version loses that much of its
life, and the moments that are written inside of keys move back.
"""

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import methodcaller
from typing import Protocol

import redis

from enrich.state.link import RedisLink

_PASS = """
local ms = tonumber(ARGV[1])
for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key) - ms
  local kind = redis.call('TYPE', key).ok
  if kind == 'zset' then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, -ms, member)
    end
  end
  if kind == 'string' then
    local token, at = string.match(redis.call('GET', key), '^(%x+) (%d+)$')
    if token then
      redis.call('SET', key, token .. ' ' .. string.format('%.0f', at - ms), 'KEEPTTL')
    end
  end
  if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
end
"""


@dataclass(slots=True)
class HandClock:
    """A clock that stands until it is moved."""

    at_s: float = 1_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)

    def monotonic_s(self) -> float:
        return self.at_s


@dataclass(slots=True)
class Sums:
    """A recorder that keeps sums."""

    counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, amount: int = 1, labels: Mapping[str, str] | None = None) -> None:
        with self.lock:
            self.counts[name, tuple(sorted((labels or {}).items()))] += amount

    def observe(
        self,
        name: str,
        seconds: float,
        labels: Mapping[str, str] | None = None,
        *,
        times: int = 1,
    ) -> None:
        """Keep nothing."""

    def total(self, name: str, **labels: str) -> int:
        wanted = set(labels.items())
        return sum(
            n for (seen, has), n in self.counts.items() if seen == name and wanted <= set(has)
        )


class Time(Protocol):
    """What lets time pass."""

    def pass_s(self, seconds: float) -> None: ...


@dataclass(slots=True)
class MemoryTime:
    """Time for the twins in memory."""

    clock: HandClock = field(default_factory=HandClock)

    def pass_s(self, seconds: float) -> None:
        self.clock.at_s += seconds


@dataclass(slots=True)
class ValkeyTime:
    """Time for one test's own keys in Valkey: those of its version and the next."""

    link: RedisLink
    version: int = field(default_factory=lambda: secrets.randbelow(10**9) * 2 + 10)

    def present(self) -> list[bytes]:
        # A scan may give a key twice while the server resizes its table.
        return self.link.do(lambda client: list(dict.fromkeys(self._scan(client))))

    def pass_s(self, seconds: float) -> None:
        keys = self.present()
        ms = round(seconds * 1000)
        for at in range(0, len(keys), 1000):
            chunk = keys[at : at + 1000]
            self.link.do(methodcaller("eval", _PASS, len(chunk), *chunk, ms))

    def _scan(self, client: redis.Redis) -> Iterator[bytes]:
        for version in (self.version, self.version + 1):
            yield from client.scan_iter(f"enrich:v{version}:*", count=1000)


def drawing(*draws: float) -> Callable[[], float]:
    """Make a source of randomness that gives these, the last of them for ever."""
    left = list(draws)
    return lambda: left.pop(0) if len(left) > 1 else left[0]
