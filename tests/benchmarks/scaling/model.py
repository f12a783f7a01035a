"""What more machines would do, by the demands of a row that were measured on this one.

Operational bounds (Denning and Buzen, "The operational analysis of queueing network models", 1978):
no part can serve more rows a second than its cores have seconds, divided by the seconds of a core
that a row demands of it. What the parts wait for one another is left out, so all figures are upper
bounds; how far this machine stays below its own, by workers, is told with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Bound", "Demands", "bounds", "here"]

#: Machines of so many cores that run workers; PostgreSQL has one of its own, Valkey one core.
_CORES = 2
_POSTGRES_CORES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """Core seconds that a row demands of each part."""

    worker_s: float
    postgres_s: float
    valkey_s: float

    @property
    def total_s(self) -> float:
        """All of it, on a machine that runs all parts."""
        return self.worker_s + self.postgres_s + self.valkey_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Rows a second that so many machines of workers cannot exceed, and the part that says so."""

    machines: int
    rows_a_second: float
    saturated: str


def here(demands: Demands, *, workers: int) -> float:
    """Give the rows a second that this machine, which runs all parts, cannot exceed."""
    # A process of Python computes on one core at a time.
    return min(_CORES / demands.total_s, workers / demands.worker_s)


def bounds(demands: Demands) -> tuple[Bound, ...]:
    """Give the bounds of 1, 10 and 100 machines that only run workers."""
    return tuple(_bound(demands, count) for count in (1, 10, 100))


def _bound(demands: Demands, machines: int) -> Bound:
    limits: Mapping[str, float] = {
        "workers": machines * _CORES / demands.worker_s,
        f"PostgreSQL ({_POSTGRES_CORES} cores)": _POSTGRES_CORES / demands.postgres_s,
        "Valkey (one core)": 1.0 / demands.valkey_s,
    }
    part = min(limits, key=lambda name: limits[name])
    return Bound(machines=machines, rows_a_second=limits[part], saturated=part)
