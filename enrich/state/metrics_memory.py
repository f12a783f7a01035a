"""The numbers of one process: for tests, for the library alone, and before they are sent."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from enrich.domain.metrics import Histogram, Labels, Series, Sums, bucket_of, labels_of

__all__ = ["Amount", "MemoryMetrics", "sums_of"]

#: (what, name, labels, bucket): what is "n" for a counter, "b" for a bucket of durations and "us"
#: for their sum in microseconds.
Amount: TypeAlias = tuple[str, str, Labels, int]


class MemoryMetrics:
    """Counters and timings in the memory of this process; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._amounts: Counter[Amount] = Counter()

    def count(self, name: str, amount: int = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add to a counter."""
        key = ("n", name, labels_of(labels), 0)
        with self._lock:
            self._amounts[key] += amount

    def observe(
        self,
        name: str,
        seconds: float,
        labels: Mapping[str, str] | None = None,
        *,
        times: int = 1,
    ) -> None:
        """Add a duration, that many times."""
        ordered = labels_of(labels)
        with self._lock:
            self._amounts["b", name, ordered, bucket_of(seconds)] += times
            self._amounts["us", name, ordered, 0] += times * round(seconds * 1_000_000)

    def take(self) -> Counter[Amount]:
        """Give all amounts and begin anew."""
        with self._lock:
            taken, self._amounts = self._amounts, Counter()
        return taken

    def amounts(self) -> Counter[Amount]:
        """Give a copy of all amounts."""
        with self._lock:
            return self._amounts.copy()

    def read(self) -> Sums:
        """Add up what there is."""
        return sums_of(self.amounts())

    def flush(self) -> bool:
        """Do nothing: there is nobody to send it to."""
        return True

    def close(self) -> None:
        """Do nothing."""


def sums_of(amounts: Mapping[Amount, int]) -> Sums:
    """Put amounts together as counters and histograms."""
    counters: dict[Series, int] = {}
    buckets: dict[Series, dict[int, int]] = {}
    totals_us: dict[Series, int] = {}
    for (what, name, labels, bucket), amount in amounts.items():
        series = Series(name, labels)
        match what:
            case "n":
                counters[series] = amount
            case "b":
                buckets.setdefault(series, {})[bucket] = amount
            case _:
                totals_us[series] = amount
    timings = {
        series: Histogram(buckets=held, total_us=totals_us.get(series, 0))
        for series, held in buckets.items()
    }
    return Sums(counters=counters, timings=timings)
