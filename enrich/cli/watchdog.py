"""Find workers that run and do nothing: frozen, or with a consumer that has died."""

import time
from collections.abc import Callable, Collection, Mapping

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

__all__ = ["Watchdog", "answering"]

_ANSWER_S = 2.0


def answering(app: Celery, nodes: Collection[str]) -> frozenset[str] | None:
    """Give the nodes that answer through the broker; None while it cannot be known."""
    try:
        heard = app.control.ping(destination=list(nodes), timeout=_ANSWER_S, limit=len(nodes))
    except (OSError, OperationalError, RedisError):
        return None
    return frozenset(name for answer in heard or () for name in answer)


class Watchdog:
    """Names the programs that have stopped answering; ask it often, it looks when it is time.

    `ask` gives those of the given nodes that answer, None when nobody can know. Only a life that
    has answered once is judged: a worker may be long in starting, or told not to answer.
    """

    def __init__(
        self,
        nodes: Mapping[str, str],
        ask: Callable[[Collection[str]], frozenset[str] | None],
        *,
        every_s: float = 10.0,
        misses: int = 3,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`nodes` are by the programs' names."""
        self._nodes, self._ask = nodes, ask
        self._every_s, self._misses, self._now_s = every_s, misses, now_s
        self._next_s = now_s() + every_s
        #: Misses in a row, of lives that have answered: by name and process number.
        self._missed: dict[tuple[str, int], int] = {}

    def silent(self, pids: Mapping[str, int]) -> tuple[str, ...]:
        """Give the programs, of those that run, whose workers did not answer `misses` times."""
        if self._now_s() < self._next_s:
            return ()
        running = {name: pid for name, pid in pids.items() if name in self._nodes}
        heard = self._ask([self._nodes[name] for name in running]) if running else None
        self._next_s = self._now_s() + self._every_s
        if heard is None:
            return ()
        before, self._missed = self._missed, {}
        for life in running.items():
            if self._nodes[life[0]] in heard:
                self._missed[life] = 0
            elif life in before:
                self._missed[life] = before[life] + 1
        return tuple(name for (name, _), n in self._missed.items() if n >= self._misses)
