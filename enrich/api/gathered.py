"""Work for many requests at once: whoever comes while others are served goes with the next group.

A lone request waits for nobody. Groups grow with the load, and what a request costs shrinks.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Generic, TypeVar

from enrich.errors import DependencyError

__all__ = ["Gathered"]

T = TypeVar("T")
R = TypeVar("R")


class Gathered(Generic[T, R]):
    """Does `work` for items in groups, in threads; to be asked from one event loop.

    `work` gives a result for each of its items, in their order. What it raises is told to each of
    them; but the fault of one is found out by doing each alone, unless a server is away.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        pool: Executor,
        *,
        most: int = 50,
        at_once: int = 2,
    ) -> None:
        """`most` items go together; `at_once` groups are under way at a time."""
        self._work, self._pool, self._most, self._left = work, pool, most, at_once
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()

    async def __call__(self, item: T) -> R:
        """Give the item's own result, or raise what became of it."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, result))
        # Not before all that has just been read is here.
        loop.call_soon(self._go, loop)
        return await result

    def _go(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting and self._left:
            count = min(len(self._waiting), self._most)
            group = [self._waiting.popleft() for _ in range(count)]
            self._left -= 1
            done = loop.run_in_executor(self._pool, self._done, [item for item, _ in group])
            done.add_done_callback(partial(self._tell, loop, [result for _, result in group]))

    def _done(self, items: Sequence[T]) -> Sequence[R | Exception]:
        try:
            return self._work(items)
        except DependencyError as exc:
            return [exc] * len(items)
        except Exception as exc:  # noqa: BLE001 - told to whoever asked
            if len(items) == 1:
                return [exc]
            return [told for item in items for told in self._done([item])]

    def _tell(
        self,
        loop: asyncio.AbstractEventLoop,
        results: Sequence[asyncio.Future[R]],
        done: asyncio.Future[Sequence[R | Exception]],
    ) -> None:
        self._left += 1
        for result, told in zip(results, done.result(), strict=True):
            # Whoever asked may have gone.
            if result.done():
                continue
            if isinstance(told, Exception):
                result.set_exception(told)
            else:
                result.set_result(told)
        self._go(loop)
