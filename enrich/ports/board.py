"""What operators look at, over all tenants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from enrich.domain.run import Counts

__all__ = ["Board", "Ended", "Spent", "Waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is open: batches by phase, and the age in seconds of the oldest run among theirs."""

    batches: Mapping[str, int]
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What all of a tenant's runs came to, and what its paid calls cost since midnight (UTC)."""

    tenant: str
    counts: Counts
    today_microcredits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A tenant's runs that ended lately, and the seconds that 50, 95 and 99 of 100 took at most."""

    tenant: str
    completed: int
    cancelled: int
    took_s: tuple[float, float, float]


class Board(Protocol):
    """Numbers of the whole installation. Raises `DatabaseDownError`."""

    def waiting(self) -> Waiting:
        """Count the batches that are open."""
        ...

    def spent(self) -> Sequence[Spent]:
        """Add up the runs of each tenant; as exact as the cells, being written with them."""
        ...

    def spent_on(self, tenant: str) -> Mapping[str, int]:
        """Add up by provider what a tenant's paid calls cost since midnight (UTC), microcredits."""
        ...

    def ended(self, *, within_s: float) -> Sequence[Ended]:
        """Tell of the runs that ended within these seconds, by tenant."""
        ...
