"""One call a key among the threads of a process: the first to come leads, the others get its end.

Callers are threads. A coroutine joins through `asyncio.to_thread`: its cancellation then ends its
own waiting only, whether it leads or waits, and no future is bound to a loop.
"""

import copy
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from enrich.domain.keys import digest
from enrich.errors import EnrichError

__all__ = ["Flight", "FlightLostError", "FlightStats", "Flights"]

T = TypeVar("T")


class FlightLostError(EnrichError):
    """The leader's thread ended without a result: it was told to exit."""


@dataclass(frozen=True, slots=True)
class Flight(Generic[T]):
    """What a call came to; `shared` when another caller made it or got it too."""

    value: T
    shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightStats:
    """How many calls were made, and how many callers got the result of another's."""

    calls: int = 0
    shared_calls: int = 0
    coalesced: int = 0

    @property
    def avg_waiters(self) -> float | None:
        """Waiters a call that had any; None when none had."""
        return self.coalesced / self.shared_calls if self.shared_calls else None


@dataclass(slots=True)
class _Call:
    """A call under way. `value` and `error` are written once, before `done` is set."""

    leader: int
    done: threading.Event = field(default_factory=threading.Event)
    waiters: int = 0
    value: Any = None
    error: BaseException | None = None


class Flights:
    """The calls under way in this process, by key. Nothing is kept once a call has ended."""

    def __init__(self, *, timeout_s: float = 30.0, enabled: bool = True) -> None:
        self._timeout_s, self._enabled = timeout_s, enabled
        self._reset()

    def do(
        self, key: object, work: Callable[[], T], *, timeout_s: float | None = None
    ) -> Flight[T]:
        """Give what `work` gives, or what somebody's call of the same key that is under way gives.

        Waiters get a copy of the value of their own, and the very exception of the leader.

        Raises:
            TimeoutError: somebody else's call did not end within `timeout_s`; it goes on.
            FlightLostError: the leader's thread was told to exit.
            RuntimeError: `work` asked for its own key, which would wait for itself for ever.
        """
        if not self._enabled:
            return Flight(work(), shared=False)
        if os.getpid() != self._pid:
            self._reset()
        name = digest((repr(key),))
        with self._lock:
            call = self._calls.get(name)
            leads = call is None
            if call is None:
                call = self._calls[name] = _Call(threading.get_ident())
            elif call.leader == threading.get_ident():
                raise RuntimeError("a call must not ask for its own key")
            else:
                call.waiters += 1
        if leads:
            return self._lead(name, call, work)
        return self._join(call, self._timeout_s if timeout_s is None else timeout_s)

    def forget(self, key: object) -> None:
        """Let the next caller of this key make a call of its own, although one is under way."""
        with self._lock:
            self._calls.pop(digest((repr(key),)), None)

    def waiting(self, key: object) -> int:
        """Count who waits for the call under way."""
        with self._lock:
            call = self._calls.get(digest((repr(key),)))
            return call.waiters if call else 0

    def stats(self) -> FlightStats:
        """Give the counts so far."""
        with self._lock:
            return self._stats

    def __len__(self) -> int:
        """Count the calls under way."""
        return len(self._calls)

    def _reset(self) -> None:
        # Also after a fork: calls and a lock of the parent's threads mean nothing in the child.
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._calls: dict[str, _Call] = {}
        self._stats = FlightStats()

    def _lead(self, name: str, call: _Call, work: Callable[[], T]) -> Flight[T]:
        try:
            call.value = value = work()
        except Exception as error:
            call.error = error
            raise
        except BaseException:
            call.error = FlightLostError("the call ended with its thread")
            raise
        finally:
            self._end(name, call)
        return Flight(value, shared=call.waiters > 0)

    def _end(self, name: str, call: _Call) -> None:
        with self._lock:
            # A forgotten call must not take away the one that came after it.
            if self._calls.get(name) is call:
                del self._calls[name]
            old = self._stats
            self._stats = FlightStats(
                calls=old.calls + 1,
                shared_calls=old.shared_calls + (call.waiters > 0),
                coalesced=old.coalesced + call.waiters,
            )
        call.done.set()

    def _join(self, call: _Call, timeout_s: float) -> Flight[Any]:
        if not call.done.wait(timeout_s):
            msg = f"somebody else's call did not end within {timeout_s:g} s"
            raise TimeoutError(msg)
        if call.error is not None:
            raise call.error
        return Flight(copy.deepcopy(call.value), shared=True)
