"""How long one cell takes, from `.delay()` to its result: on an idle system and beside others."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from tests.benchmarks.throughput.ours import Installation

__all__ = ["Latencies", "cell_latencies"]

_CELLS, _WARM = 100, 10
_BESIDE_CELLS = 300


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long each cell took."""

    seconds: tuple[float, ...]

    def quantile_ms(self, share: float) -> float:
        """Give the time that this share of the cells took at most."""
        return sorted(self.seconds)[ceil(share * len(self.seconds)) - 1] * 1000

    def as_json(self) -> Mapping[str, float]:
        """Give what is worth keeping of it."""
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
        return {
            "cells": len(self.seconds),
            **{name: self.quantile_ms(share) for name, share in shares.items()},
        }


def cell_latencies(installation: Installation) -> Mapping[str, Latencies]:
    """Ask for cells one after the other, first alone, then beside half of what can be done."""
    table = installation.table(_WARM + 2 * _CELLS)
    _asked(table, 1, _WARM)
    idle = _asked(table, _WARM + 1, _CELLS)
    rate = _capacity(installation)
    with _stream(installation, rate / 2):
        half = _asked(table, _WARM + _CELLS + 1, _CELLS)
    return {"idle": Latencies(idle), f"beside {rate / 2:.0f} cells/s": Latencies(half)}


def _asked(table: str, first: int, cells: int) -> tuple[float, ...]:
    # Imported late: it reads the settings.
    from tasks import enrich_cell

    seconds = []
    for number in range(first, first + cells):
        started_s = time.perf_counter()
        enrich_cell.delay(table, f"row_{number}", "industry").get(timeout=60)
        seconds.append(time.perf_counter() - started_s)
    return tuple(seconds)


def _capacity(installation: Installation) -> float:
    """Say how many single cells a second are done when all are asked for at once."""
    from tasks import enrich_cell

    table = installation.table(_BESIDE_CELLS)
    started_s = time.perf_counter()
    for number in range(1, _BESIDE_CELLS + 1):
        enrich_cell.apply_async((table, f"row_{number}", "industry"), ignore_result=True)
    took_s = installation.until_filled(table, started_s, fields=["industry"])
    return _BESIDE_CELLS / took_s


@contextmanager
def _stream(installation: Installation, rate: float) -> Iterator[None]:
    """Ask for that many cells a second, evenly, for as long as the block lasts."""
    from tasks import enrich_cell

    table = installation.table(20_000)
    over = threading.Event()

    def send() -> None:
        started_s = time.perf_counter()
        for number in range(1, 20_001):
            late_s = started_s + number / rate - time.perf_counter()
            if over.wait(max(0.0, late_s)):
                return
            enrich_cell.apply_async((table, f"row_{number}", "industry"), ignore_result=True)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
