"""Where jobs lie. When Postgres is down every method raises `DatabaseDownError`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from enrich.domain.job import Job, JobState, NewJob, Submission
from enrich.domain.run import OpenBatch, RunOptions, RunState
from enrich.domain.table import Row
from enrich.domain.values import JsonObject

__all__ = ["Beginning", "Ending", "JobEnd", "JobRun", "Jobs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Jobs of one tenant that are begun by one run: each has its candidate's row, by column.

    No two are about one candidate.
    """

    tenant: str
    table: str
    wanted: tuple[str, ...]
    options: RunOptions
    jobs: Sequence[tuple[Job, JsonObject]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """How the run of a job went; `parked` says why the batches of its row were given up."""

    id: int
    state: RunState
    wanted: tuple[str, ...]
    started_at: datetime
    finished_at: datetime | None
    parked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A job on whose row nobody works any more, and what became of that.

    `run` and `row` are None when they were erased. `kinds` counts what was said about the row, by
    the kind of outcome.
    """

    job: Job
    run: JobRun | None
    row: Row | None
    kinds: Mapping[str, int] = field(default_factory=dict)
    cost_microcredits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How an attempt ends."""

    job: Job
    state: JobState
    result: "JsonObject | None" = None
    error: str = ""


class Jobs(Protocol):
    """Jobs by their id. Equal submits at the same time make one job, and all are given its id."""

    def take(
        self, new: Sequence[NewJob], *, window_s: float
    ) -> Sequence[tuple[Submission, Job | None]]:
        """Store jobs, or find the equal ones of the last `window_s` seconds; each tenant's at once.

        One that has failed is no equal. A key is held for as long as its job is kept. Gives no job
        for `IN_FLIGHT`, nor for one that is being erased. Raises `BadInputError` for what cannot be
        stored: of its tenant's nothing is.
        """
        ...

    def find(self, job_id: str, *, tenant: str | None = None) -> Job:
        """Give a job, of any tenant when none is named. Raises `UnknownNameError`."""
        ...

    def some(self, ids: Collection[str], *, tenant: str | None = None) -> Sequence[Job]:
        """Give those of these jobs that are there, of any tenant when none is named."""
        ...

    def begin(self, beginning: Beginning, *, lease_s: float) -> OpenBatch | None:
        """Lay profiles over their candidates' rows, and store the run of them, all or nothing.

        Its one batch is under a lease. What was sent is forgotten. A job that is not queued any
        more is left out; None when all of them are. Who erases one meanwhile waits: so the row
        that it made is there to be erased.

        Raises:
            UnknownNameError: there is no such table, or no such column.
        """
        ...

    def of_run(self, run_id: int) -> Sequence[str]:
        """Name the jobs of a run that have not ended."""
        ...

    def ending(self, ids: Collection[str]) -> Sequence[Ending]:
        """Give those of these jobs that are under way, and on whose row nobody works any more."""
        ...

    def end(self, ends: Sequence[JobEnd]) -> int:
        """End attempts, each once, and put down who is to be told; gives how many messages."""
        ...

    def overdue(self, *, older_than_s: float, limit: int = 1_000) -> Sequence[str]:
        """Name jobs that nobody has touched for so long: not begun, or with nothing left to do.

        Two sweeps at once share them: one that was named is not overdue for as long again.
        """
        ...

    def forget(self, *, older_than_s: float, limit: int = 2_000) -> int:
        """Remove jobs that ended and are older; gives how many."""
        ...
