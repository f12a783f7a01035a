"""Work whose end a test decides."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from enrich.state.singleflight import Flight, Flights
from tests.waiting import eventually

__all__ = ["PATIENCE_S", "Gate", "callers"]

PATIENCE_S = 60.0


class Gate:
    """Work that ends when it is told to, and counts how often it was begun."""

    def __init__(self, flights: Flights) -> None:
        self.flights, self.begun, self.open = flights, 0, threading.Event()
        self.entered, self.lock = threading.Semaphore(0), threading.Lock()
        self.result: Any = "value"

    def work(self) -> Any:
        with self.lock:
            self.begun += 1
        self.entered.release()
        assert self.open.wait(PATIENCE_S)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def open_when(self, waiting: int, key: str = "k") -> None:
        """Let the work end once that many callers wait for it."""
        self.until(waiting, key)
        self.open.set()

    def until(self, waiting: int, key: str = "k") -> None:
        """Wait until that many callers wait for it."""
        assert eventually(lambda: self.flights.waiting(key) == waiting, every_s=0.005)


def callers(
    pool: ThreadPoolExecutor, flights: Flights, gate: Gate, count: int
) -> list[Future[Flight[Any]]]:
    return [pool.submit(flights.do, "k", gate.work) for _ in range(count)]
