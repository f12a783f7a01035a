"""Where jobs lie. When Postgres is down every method raises `DatabaseDownError`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from enrich.domain.job import Job, JobState, NewJob, Submission
from enrich.domain.run import RunOptions, RunView
from enrich.domain.values import JsonObject
from enrich.ports.rows import NewRow

__all__ = ["Beginning", "Jobs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """How a job begins: its candidate's row by column, and the run of it."""

    table: str
    data: JsonObject
    wanted: tuple[str, ...]
    options: RunOptions
    lease_s: float


class Jobs(Protocol):
    """Jobs by their id. Equal submits at the same time make one job, and all are given its id."""

    def take(
        self, new: NewJob, beginning: Beginning, *, window_s: float
    ) -> tuple[Submission, Job | None, RunView | None]:
        """Store and begin a job, or find the equal one of the last `window_s` seconds.

        One that has failed is no equal. A key is held for as long as its job is kept. Gives the
        job, none for `IN_FLIGHT`, and its run when that has begun here. A new job that is still
        queued has no table, or none with all its columns. All of it is one statement.
        """
        ...

    def find(self, job_id: str, *, tenant: str | None = None) -> Job:
        """Give a job, of any tenant when none is named. Raises `UnknownNameError`."""
        ...

    def bring_in(self, job: Job, table: str, row: NewRow) -> bool:
        """Lay a profile over its candidate's row; False, with nothing done, unless it is queued.

        Who erases the job meanwhile waits: so the row that it made is there to be erased. Raises as
        `RowStore.put_row`.
        """
        ...

    def start(self, job: Job, run: int) -> None:
        """Say that the run of a queued job has begun, and forget what was sent."""
        ...

    def end(
        self, job: Job, state: JobState, *, result: "JsonObject | None", error: str
    ) -> int | None:
        """End an attempt, once, and put down who is to be told of it.

        Gives how many webhooks are; None when the attempt had ended.
        """
        ...

    def overdue(self, *, older_than_s: float, limit: int = 200) -> Sequence[Job]:
        """Take jobs that nobody works on: not begun, or with a run that has ended.

        Two sweeps at once share them: one that was taken is not overdue for as long again.
        """
        ...

    def forget(self, *, older_than_s: float, limit: int = 2_000) -> int:
        """Remove jobs that ended and are older; gives how many."""
        ...
