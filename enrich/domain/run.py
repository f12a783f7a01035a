"""Runs, batches and the steps that carry a batch through its phases.

A batch lives through:

    queued ─► probe ─► (fuse) ─► probe, next wave … ─► premium ─► (fuse) ─► done
       │         └─────────────────────────────────────────┴─► parked, cancelled
       └─► cancelled

`fuse` is a step, not a phase: it moves the batch on and is guarded by the phase that it ends.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from enrich.domain.outcome import OVER_BUDGET, Outcome, OutcomeKind, Skipped
from enrich.domain.table import Column, Row, Stamp, by_weight

__all__ = [
    "BatchRef",
    "CellFilter",
    "Counts",
    "Force",
    "OpenBatch",
    "Order",
    "Phase",
    "Progress",
    "Response",
    "RunOptions",
    "RunState",
    "RunView",
    "Step",
    "StepKind",
]


class RunState(StrEnum):
    """A run's life."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class Phase(StrEnum):
    """Where a batch is."""

    QUEUED = "queued"
    PROBE = "probe"
    PREMIUM = "premium"
    DONE = "done"
    PARKED = "parked"
    CANCELLED = "cancelled"


class Force(StrEnum):
    """How much of what is already known a run may not use.

    Each level includes the one before it. Typed values stay protected at every level.
    """

    NONE = "none"
    CELLS = "cells"  # fuse again, from answers that are still cached
    NEGATIVES = "negatives"  # ask again whoever did not find
    RESPONSES = "responses"  # ask everybody again


class Order(StrEnum):
    """Whom a run asks when: one after the other, all who are not dear at once, or by worth."""

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"
    ADAPTIVE = "adaptive"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFilter:
    """Which cells of the chosen rows a run takes up; a cell that matches any part is taken.

    `states` holds `CellState` values or "empty" (no value and no state). A filled cell is stale
    when it was observed before `observed_before`, and of low confidence below `confidence_below`.
    """

    states: frozenset[str] = frozenset()
    observed_before: datetime | None = None
    confidence_below: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run may do; stored with the run, so that every worker obeys the same.

    `ensemble_fusion` and `max_cost_microcredits` are None when the settings decide and when there
    is no limit. Without `where` a run takes up every cell that is not filled. Somebody waits for an
    `urgent` one: its steps go before those of all others. `policy` None leaves the order in which
    providers are asked to the settings, where `parallel_probes` does.
    """

    force: Force = Force.NONE
    parallel_probes: bool = True
    ensemble_fusion: bool | None = None
    max_cost_microcredits: int | None = None
    where: CellFilter | None = None
    urgent: bool = False
    policy: Order | None = None

    @property
    def order(self) -> Order:
        """In which order providers are asked."""
        if self.policy is not None:
            return self.policy
        return Order.PARALLEL if self.parallel_probes else Order.SEQUENTIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRef:
    """A batch by name; `attempt` is the fence: an older attempt's late result changes nothing."""

    run_id: int
    number: int
    attempt: int
    phase: Phase
    wave: int = 0

    @property
    def stamp(self) -> Stamp:
        """What this attempt's writes are ordered by."""
        return Stamp(self.run_id, self.attempt)

    def moved_to(self, phase: Phase, wave: int) -> "BatchRef":
        """Name the same attempt of the batch in another phase or wave."""
        return replace(self, phase=phase, wave=wave)


class StepKind(StrEnum):
    """What is to be done next with a batch."""

    PROBE = "probe"
    PREMIUM = "premium"
    FUSE = "fuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next thing to do with a batch; `at` is None for now.

    A probe step names the providers to ask in parallel; their join is the batch's fuse step. An
    `urgent` one goes before all that are not. `asks` names the rows that a provider is asked about,
    where those were chosen; who is not in it is asked about all that it can answer. Of a wave that
    `is_begun` the probes are due, and look up under their lease alone.
    """

    kind: StepKind
    batch: BatchRef
    providers: tuple[str, ...] = ()
    at: datetime | None = None
    table: str = ""
    tenant: str = "default"
    urgent: bool = False
    asks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    is_begun: bool = False


# Not frozen, as other values that come by the million: see `Observation`.
@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Response:
    """What one provider said about one row: a line of the ledger, never changed.

    `input_key` names the question (tenant, provider, version, inputs); cost is zero when the answer
    came from the cache; `stale` when it had run out there and the provider was down. `calls` is how
    many requests left for the provider: rows that travelled together count theirs at the first of
    them. `batch` and `attempt` say who recorded it.
    """

    row: int
    provider: str
    provider_version: str
    input_key: str
    outcome: Outcome
    cost_microcredits: int = 0
    latency_s: float = 0.0
    observed_at: datetime
    from_cache: bool = False
    coalesced: bool = False
    stale: bool = False
    calls: int = 0
    batch: int = 0
    attempt: int = 0

    @property
    def is_final(self) -> bool:
        """Say whether asking the same again within the same run is pointless."""
        return self.outcome.kind not in _ASK_AGAIN

    @property
    def waits_for_money(self) -> bool:
        """Say whether nobody was asked for want of money that others may give back."""
        match self.outcome:
            case Skipped(reason=reason, retry_at=datetime()):
                return reason.startswith(OVER_BUDGET)
            case _:
                return False


_ASK_AGAIN = frozenset({OutcomeKind.PENDING, OutcomeKind.RATE_LIMITED, OutcomeKind.SKIPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """The part of a run that every step needs."""

    id: int
    tenant: str
    table: str
    columns: tuple[Column, ...]
    wanted: tuple[str, ...]
    options: RunOptions
    state: RunState = RunState.RUNNING
    #: The columns to be enriched, in the table's order. Kept, because every row asks for them.
    wanted_columns: tuple[Column, ...] = field(init=False, repr=False, compare=False)
    #: All columns, those last whose values speak for their field.
    columns_by_weight: tuple[Column, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        wanted = tuple(column for column in self.columns if column.key in self.wanted)
        object.__setattr__(self, "wanted_columns", wanted)
        object.__setattr__(self, "columns_by_weight", by_weight(self.columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: batches ended of all, and what the ended ones spent, in micro-credits."""

    total: int = 1
    ended: int = 0
    spent_microcredits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBatch:
    """A batch with all that a step reads: one round trip.

    `tokens` are what providers gave last, in whichever batch of the run, for questions that they
    had begun to work on: by row and input key. `money_waits` says of rows in how many other batches
    of the run they waited for money.
    """

    ref: BatchRef
    run: RunView
    rows: tuple[Row, ...]
    responses: tuple[Response, ...]
    tokens: Mapping[tuple[int, str], str] = field(default_factory=dict)
    money_waits: Mapping[int, int] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many cells ended how, and what it took; adds up over batches.

    `changed` are those of the filled whose value another one stood in the place of. `answers` are
    those that came from no cache, by `provider/outcome`; `endings` are the cells that ended without
    a value, by state and reason with a space between.
    """

    filled: int = 0
    changed: int = 0
    not_found: int = 0
    pending: int = 0
    failed: int = 0
    skipped: int = 0
    cost_microcredits: int = 0
    provider_calls: int = 0
    cache_hits: int = 0
    premium_saved: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)
    endings: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Counts") -> "Counts":
        """Add two counts, name by name."""
        names = [name for name in self.__slots__ if name not in {"answers", "endings"}]
        return replace(
            self,
            **{name: getattr(self, name) + getattr(other, name) for name in names},
            answers=Counter(self.answers) + Counter(other.answers),
            endings=Counter(self.endings) + Counter(other.endings),
        )
