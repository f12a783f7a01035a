"""A run and its batches, in memory."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from enrich.domain.run import BatchRef, Counts, Phase, Progress, RunState, RunView
from enrich.ports.runs import MOST_UNOPENED, Finished, NewRun, RunSummary
from enrich.store.memory import MemoryTable

__all__ = ["OPEN_PHASES", "MemoryBatch", "MemoryRun"]

_UNDER_WAY = frozenset({Phase.PROBE, Phase.PREMIUM})
OPEN_PHASES = _UNDER_WAY | {Phase.QUEUED}


@dataclass(slots=True)
class MemoryBatch:
    """One batch; `attempt` only grows."""

    number: int
    rows: tuple[int, ...]
    phase: Phase = Phase.QUEUED
    wave: int = 0
    attempt: int = 1
    lost: int = 0
    lease_until: datetime | None = None
    ready_at: datetime | None = None
    reason: str = ""
    holder: str = ""
    unopened: int = 0

    def is_held_by(self, holder: str, now: datetime) -> bool:
        """Say whether it is in a process's hands, and still under a lease."""
        has_lease = self.lease_until is not None and self.lease_until > now
        is_seen = self.unopened <= MOST_UNOPENED
        return self.phase in _UNDER_WAY and has_lease and self.holder == holder and is_seen

    def launch(self, lease_until: datetime, holder: str) -> None:
        """Put it under a lease that nobody has opened yet."""
        self.lease_until, self.holder, self.unopened = lease_until, holder, self.unopened + 1

    def let_go(self, now: datetime, *, is_lost: bool) -> None:
        """End its lease and its attempt; what waits for its moment is due then, and stays."""
        is_early = self.ready_at is not None and self.ready_at > now
        self.holder, self.lease_until = "", self.ready_at if is_early else now
        self.attempt += not is_early
        self.lost -= not is_lost or self.unopened > 0

    def in_flight(self, now: datetime) -> bool:
        """Say whether it takes up one of its run's places."""
        return self.phase in _UNDER_WAY and (self.ready_at is None or self.ready_at <= now)

    def end(self, phase: Phase, reason: str = "") -> None:
        """Let nobody hold it any more."""
        self.phase, self.reason, self.lease_until = phase, reason, None


@dataclass(slots=True)
class MemoryRun:
    """One run; it is done when no batch of it is open."""

    id: int
    new: NewRun
    table: MemoryTable
    started_at: datetime
    rows: int
    state: RunState = RunState.RUNNING
    counts: Counts = field(default_factory=Counts)
    batches: list[MemoryBatch] = field(default_factory=list)
    finished_at: datetime | None = None

    def ref(self, batch: MemoryBatch) -> BatchRef:
        """Name a batch as it stands."""
        return BatchRef(
            run_id=self.id,
            number=batch.number,
            attempt=batch.attempt,
            phase=batch.phase,
            wave=batch.wave,
        )

    def progress(self) -> Progress:
        """Say how far it is."""
        return Progress(
            total=len(self.batches),
            ended=sum(batch.phase not in OPEN_PHASES for batch in self.batches),
            spent_microcredits=self.counts.cost_microcredits,
        )

    def view(self) -> RunView:
        """Give what every step reads of the run."""
        return RunView(
            id=self.id,
            tenant=self.new.tenant,
            table=self.new.table,
            columns=self.table.ordered_columns(),
            wanted=self.new.wanted,
            options=self.new.options,
            state=self.state,
        )

    def end_if_done(self, now: datetime) -> Finished | None:
        """End the run with its last batch; gives it once."""
        if self.state is not RunState.RUNNING or any(b.phase in OPEN_PHASES for b in self.batches):
            return None
        self.state, self.finished_at = RunState.DONE, now
        return self.finished()

    def finished(self) -> Finished:
        """Say that it has ended, and who waits for that."""
        return Finished(run_id=self.id, reply_to=self.new.reply_to, state=self.state)

    def summary(self) -> RunSummary:
        """Tell how the run stands."""
        reasons = {batch.reason for batch in self.batches if batch.phase is Phase.PARKED}
        return RunSummary(
            id=self.id,
            tenant=self.new.tenant,
            table=self.new.table,
            state=self.state,
            wanted=self.new.wanted,
            rows=self.rows,
            counts=self.counts,
            batches=Counter(batch.phase.value for batch in self.batches),
            parked_reasons=tuple(sorted(reasons)),
            started_at=self.started_at,
            finished_at=self.finished_at,
            max_cost_microcredits=self.new.options.max_cost_microcredits,
        )
