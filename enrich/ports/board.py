"""What operators look at, over all tenants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from enrich.domain.run import Counts

__all__ = ["Board", "Spent", "Waiting"]


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


class Board(Protocol):
    """Numbers of the whole installation. Raises `DatabaseDownError`."""

    def waiting(self) -> Waiting:
        """Count the batches that are open."""
        ...

    def spent(self) -> Sequence[Spent]:
        """Add up the runs of each tenant; as exact as the cells, being written with them."""
        ...
