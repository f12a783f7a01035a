"""Where schedules are kept, and how one of several schedulers takes a moment that has come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from enrich.domain.schedule import Firing, Schedule

__all__ = ["TAKEN", "Decide", "Schedules", "Taken"]

#: The way out where a name is taken.
TAKEN = "change it with `enrich schedule change NAME`, or give another with --name"
#: Decides about a schedule whose last run is still under way, or not.
Decide: TypeAlias = Callable[[Schedule, bool], Firing | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A moment that is the caller's to bring to its end with `settle`."""

    schedule: Schedule
    firing: Firing


class Schedules(Protocol):
    """Schedules by tenant and name; every method raises `DatabaseDownError`."""

    def add(self, schedule: Schedule) -> None:
        """Keep a new one. Raises `UnknownNameError` for its table, `BadInputError` for its name."""
        ...

    def all(self, tenant: str | None = None) -> Sequence[Schedule]:
        """List them by tenant and name; of all tenants when none is named."""
        ...

    def find(self, tenant: str, name: str) -> Schedule:
        """Give one. Raises `UnknownNameError`."""
        ...

    def revise(self, schedule: Schedule) -> None:
        """Keep another cron, zone, wish, window and next moment under its tenant and name.

        A moment that is being begun goes on as it was. Raises `UnknownNameError`.
        """
        ...

    def change(self, tenant: str, name: str, *, paused: bool, next_at: datetime) -> None:
        """Pause or resume it, and set the moment that comes. Raises `UnknownNameError`."""
        ...

    def remove(self, tenant: str, name: str) -> None:
        """Forget it; its runs stay. Raises `UnknownNameError`."""
        ...

    def take(
        self, now: datetime, decide: Decide, *, retake_s: float, limit: int = 100
    ) -> Sequence[Taken]:
        """Take the moments that have come: each is given to one of all who ask.

        One that was taken `retake_s` ago and not settled is given again.
        """
        ...

    def settle(self, taken: Taken, *, run_id: int | None, said: str) -> None:
        """Note what came of a moment; one that was settled before stays as it is."""
        ...
