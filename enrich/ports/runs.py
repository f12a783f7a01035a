"""Runs, in Postgres. When it is down every method raises `DatabaseDownError` and nothing has
happened, or everything has: each method is one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from enrich.domain.run import (
    BatchRef,
    Counts,
    OpenBatch,
    Phase,
    Response,
    RunOptions,
    RunState,
    RunView,
)
from enrich.domain.table import CellWrite
from enrich.ports.rows import WriteReport

__all__ = [
    "MOST_UNOPENED",
    "Deferred",
    "Finished",
    "NewRun",
    "RunStore",
    "RunSummary",
    "Selection",
    "Settled",
    "Settlement",
    "Swept",
]

#: A batch that was launched more often than that in a row, and never opened, is left to its lease.
MOST_UNOPENED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows a run takes: those keys, or all; of them, where a wanted cell matches.

    Each of `states` is a `CellState` value or "empty" (no value and no state). A filled cell
    matches "stale" when it was observed before `observed_before`, "low-confidence" when its
    confidence is below `confidence_below`. Without any of these all rows are taken.
    """

    keys: tuple[str, ...] | None = None
    states: frozenset[str] = frozenset()
    observed_before: datetime | None = None
    confidence_below: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to be stored; `reply_to` names who waits for its end, and is its own: it comes once."""

    tenant: str
    table: str
    wanted: tuple[str, ...]
    selection: Selection
    options: RunOptions
    batch_rows: int
    reply_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Rows to be asked about again at a later moment, as a batch of their own."""

    rows: tuple[int, ...]
    ready_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a fuse step decided: cells to write, and where the batch goes.

    `phase` PROBE or PREMIUM goes on (with `wave`), DONE ends the batch. `said` is what is not in
    the ledger yet: it is appended in the same breath, wherever the batch is by now.
    """

    writes: tuple[CellWrite, ...]
    phase: Phase
    wave: int = 0
    counts: Counts = field(default_factory=Counts)
    deferred: Deferred | None = None
    said: tuple[Response, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run whose last batch has ended just now."""

    run_id: int
    reply_to: str
    state: RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a settlement did.

    `won` False: the batch had moved on, was cancelled or belongs to a newer attempt, and no more
    than the ledger was changed; `recorded` lines of it are new. `launched`: queued batches that
    took the place of one that ended, under a lease. `deferred`: the batch of the rows that wait,
    under a lease that counts from its moment.
    """

    won: bool
    recorded: int = 0
    report: WriteReport = field(default_factory=WriteReport)
    finished: Finished | None = None
    launched: tuple[BatchRef, ...] = ()
    deferred: tuple[BatchRef, datetime] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What the sweep found: batches to send (with run), and how many it parked."""

    due: tuple[tuple[RunView, BatchRef], ...] = ()
    parked: int = 0
    finished: tuple[Finished, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run as people ask about it; `max_cost_microcredits` None: it may spend what it needs.

    The cost in `counts` is that of the batches that have ended; of a run that was cancelled, and of
    an ended one that is asked for by its number, it is what the books of paid calls say.
    """

    id: int
    tenant: str
    table: str
    state: RunState
    wanted: tuple[str, ...]
    rows: int
    counts: Counts
    batches: Mapping[str, int]
    parked_reasons: tuple[str, ...]
    started_at: datetime
    finished_at: datetime | None
    max_cost_microcredits: int | None = None


class RunStore(Protocol):
    """Runs, batches and the ledger of responses. Time is the database's own."""

    def create(
        self, new: NewRun, *, in_flight: int, lease_s: float
    ) -> tuple[RunView, tuple[BatchRef, ...]]:
        """Store a run and its batches; put the first `in_flight` of them under a lease.

        An empty selection makes a run that is done. A request that was stored before, known by its
        `reply_to`, gives that run and no batches. Raises `UnknownNameError`.
        """
        ...

    def open(
        self, ref: BatchRef, *, lease_s: float, provider: str | None = None
    ) -> OpenBatch | None:
        """Read a batch with its rows and responses, and renew its lease.

        With `provider` only what that one said is read: all that its probe needs to know.

        None when it has moved on, was cancelled or belongs to a newer attempt: stop quietly.
        """
        ...

    def record(self, ref: BatchRef, responses: Sequence[Response]) -> int:
        """Append to the ledger; a response that is there already (same row and question) is kept.

        Returns how many were new.
        """
        ...

    def settle(
        self, ref: BatchRef, settlement: Settlement, *, in_flight: int, lease_s: float
    ) -> Settled:
        """Write cells, move the batch on and, at its end, launch the next: all or nothing."""
        ...

    def extend_ledger(self, *, months: int) -> int:
        """Make the ledger's parts for this month and the next `months`; gives how many are new."""
        ...

    def sweep(self, *, lease_s: float, max_attempts: int, limit: int = 100) -> Swept:
        """Take batches whose lease ran out or whose moment has come, under a new attempt.

        Two sweeps at once share the work. A batch past its attempts is parked with its reason.
        """
        ...

    def let_go(self, holder: str, *, is_lost: bool) -> int:
        """End the leases and attempts of what a process has launched, moved on or opened last.

        A death (`is_lost`) counts against what it had opened. What waits for its moment is the
        sweep's from then on, unless its message, which stays good, comes first.
        """
        ...

    def summary(self, tenant: str, run_id: int) -> RunSummary:
        """Tell how a run stands. Raises `UnknownNameError`."""
        ...

    def runs(
        self, tenant: str, *, limit: int = 50, before: int | None = None
    ) -> tuple[RunSummary, ...]:
        """List a tenant's newest runs, or those older than the run `before`."""
        ...

    def skipped(self, tenant: str, run_id: int, reason: str) -> tuple[str, ...]:
        """Name the providers that a run did not ask about some row for this reason."""
        ...

    def ended(self, run_id: int) -> Finished | None:
        """Give a run that has ended, whenever that was; None while it is under way or gone."""
        ...

    def cancel(self, tenant: str, run_id: int) -> bool:
        """Stop a run: its batches end, late results change nothing. False when it had ended."""
        ...

    def retry(
        self, tenant: str, run_id: int, *, in_flight: int, lease_s: float
    ) -> tuple[BatchRef, ...]:
        """Take up a run's parked batches again, with their attempts forgotten."""
        ...

    def evidence(self, tenant: str, table: str, key: str) -> tuple[tuple[int, Response], ...]:
        """Give all that was ever said about a row, newest first, with the run's id."""
        ...
