"""What operators look at, over all tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Board", "Waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is open: batches by phase, and the age in seconds of the oldest run among theirs."""

    batches: Mapping[str, int]
    oldest_s: float = 0.0


class Board(Protocol):
    """Numbers of the whole installation. Raises `DatabaseDownError`."""

    def waiting(self) -> Waiting:
        """Count the batches that are open."""
        ...
