"""Work whose end a test decides."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from enrich.state.singleflight import Flight, Flights

__all__ = ["Gate", "callers"]


class Gate:
    """Work that ends when it is told to, and counts how often it was begun."""

    def __init__(self, flights: Flights) -> None:
        self.flights, self.begun, self.open = flights, 0, threading.Event()
        self.entered = threading.Semaphore(0)
        self.result: Any = "value"

    def work(self) -> Any:
        self.begun += 1
        self.entered.release()
        assert self.open.wait(10)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def open_when(self, waiting: int, key: str = "k") -> None:
        """Let the work end once that many callers wait for it."""
        poll = threading.Event()
        for _ in range(1000):
            if self.flights.waiting(key) == waiting:
                break
            poll.wait(0.005)
        assert self.flights.waiting(key) == waiting
        self.open.set()


def callers(
    pool: ThreadPoolExecutor, flights: Flights, gate: Gate, count: int
) -> list[Future[Flight[Any]]]:
    return [pool.submit(flights.do, "k", gate.work) for _ in range(count)]
