"""What Prometheus reads, as text in its own format.

One address tells of all processes together. Workers come and go, and one that was killed cannot be
asked any more; so none has an address of its own. What they count is added up in Redis, each batch
of counts once; what must be exact whatever dies (cells, money, calls) is read from PostgreSQL,
where it was written in the transaction that it belongs to.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from enrich.domain.metric_names import CATALOGUE, Kind, Metric, metric_named
from enrich.domain.metrics import (
    Histogram,
    Labels,
    Series,
    Sums,
    added,
    labels_of,
    longest_of,
)

__all__ = ["CONTENT_TYPE_LATEST", "Reading", "exposed"]

T = TypeVar("T")

#: Every ninth of our buckets, because 1.08⁹ is about 2: from a tenth of a millisecond to two
#: minutes. Bounds of ours, so that nothing is rounded.
_BOUNDS = tuple(range(-117, 64, 9))


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a metric that is read where it lies."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def exposed(sums: Sums | None, readings: Iterable[Reading]) -> bytes:
    """Write all metrics of the catalogue; without sums, what is counted in Redis is left out.

    A counter without labels is told from the start, at 0: whoever watches its growth would not see
    its first step otherwise. One with labels is not there before somebody has counted it.

    Raises `KeyError` for a reading whose name the catalogue lacks.
    """
    return generate_latest(_Families(sums, tuple(readings)))


@dataclass(frozen=True, slots=True)
class _Families(Collector):
    sums: Sums | None
    readings: tuple[Reading, ...]

    def collect(self) -> Iterator[Family]:
        """Give the families that have a sample, in the catalogue's order."""
        read: dict[str, list[Reading]] = {}
        for reading in self.readings:
            read.setdefault(metric_named(reading.name).name, []).append(reading)
        for metric in CATALOGUE:
            family = _family(metric, self.sums, read.get(metric.name, ()))
            if family.samples:
                yield family


def _family(metric: Metric, sums: Sums | None, read: Iterable[Reading]) -> Family:
    family = Family(metric.name.removesuffix("_total"), metric.help, metric.kind.value)
    for reading in read:
        family.add_sample(metric.name, _kept(metric, reading.labels), reading.value)
    if sums is not None and metric.is_counted:
        _add_counted(family, metric, sums)
    return family


def _add_counted(family: Family, metric: Metric, sums: Sums) -> None:
    if metric.kind is Kind.HISTOGRAM:
        for labels, timed in _grouped(metric, sums.timings):
            _add_histogram(family, metric.name, labels, added(timed))
        return
    for labels, numbers in _grouped(metric, sums.counters):
        family.add_sample(metric.name, labels, sum(numbers))
    if not metric.labels and not family.samples:
        family.add_sample(metric.name, {}, 0)


def _grouped(metric: Metric, held: Mapping[Series, T]) -> Iterator[tuple[dict[str, str], list[T]]]:
    """Bring together what has the same labels of the metric's own."""
    groups: dict[Labels, list[T]] = {}
    for series, value in held.items():
        if series.name == metric.source:
            groups.setdefault(labels_of(_kept(metric, dict(series.labels))), []).append(value)
    for labels in sorted(groups):
        yield dict(labels), groups[labels]


def _kept(metric: Metric, labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name in metric.labels}


def _add_histogram(family: Family, name: str, labels: Mapping[str, str], timed: Histogram) -> None:
    within = [
        sum(n for bucket, n in timed.buckets.items() if low < bucket <= high)
        for low, high in zip((-(10**6), *_BOUNDS), (*_BOUNDS, 10**6), strict=False)
    ]
    for bound, count in zip(_BOUNDS, accumulate(within), strict=False):
        family.add_sample(f"{name}_bucket", {**labels, "le": f"{longest_of(bound):.6g}"}, count)
    family.add_sample(f"{name}_bucket", {**labels, "le": "+Inf"}, timed.count)
    family.add_sample(f"{name}_count", dict(labels), timed.count)
    family.add_sample(f"{name}_sum", dict(labels), timed.total_us / 1e6)
