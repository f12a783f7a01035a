"""Policies: settings turned into values that decisions take as arguments. Durations in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from enrich.domain.paid import InDoubt
from enrich.domain.run import Order

if TYPE_CHECKING:
    from enrich.domain.fusion.judge import Judge
    from enrich.domain.table import Column

__all__ = [
    "BreakerPolicy",
    "BudgetPolicy",
    "CachePolicy",
    "FusionMethod",
    "FusionPolicy",
    "GatherPolicy",
    "ProbePolicy",
    "RunPolicy",
    "SelectionPolicy",
    "SingleflightPolicy",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """How long answers and results are kept.

    Attributes:
        version: part of every key; a new one voids all at once.
        response_ttl_s: a provider's full answer about one row.
        default_ttl_s: the result of one cell.
        negative_ttl_s: that nobody knew.
        soft_ttl_s: from then on an answer is served and asked for anew behind it; None is never.
        stale_ttl_s: how long after its end an answer may stand in for a provider that is down.
        field_ttl_s: fields that age faster than the answers they come in.
        max_memory_entries: of the in-memory twin.
        max_memory_bytes: of the in-memory twin.
        max_entry_bytes: what is larger is not kept.
        ttl_jitter: share by which each lifetime is spread, so that not all end at once.
        refresh_beta: how early one reader fetches anew what took long to fetch; 0 is never.
        refresh_retry_s: a refresh that did not come is not asked for again before that.
    """

    enabled: bool = True
    version: int = 1
    response_ttl_s: int = 7 * 24 * 3600
    default_ttl_s: int = 3600
    negative_ttl_s: int = 300
    soft_ttl_s: int | None = None
    stale_ttl_s: int = 24 * 3600
    field_ttl_s: Mapping[str, int] = field(default_factory=dict)
    max_memory_entries: int = 10_000
    max_memory_bytes: int = 64 * 1024 * 1024
    max_entry_bytes: int = 256 * 1024
    ttl_jitter: float = 0.1
    refresh_beta: float = 1.0
    refresh_retry_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleflightPolicy:
    """How long a waiter waits for somebody else's call, and how long a leader's lease lasts.

    Attributes:
        max_hold_s: no lease is renewed beyond that.
        max_waiters: threads of one process that may wait at once; fewer than it has slots.
    """

    enabled: bool = True
    timeout_s: float = 30.0
    lease_s: float = 15.0
    max_hold_s: float = 60.0
    max_waiters: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePolicy:
    """How many providers are asked at once in process, and how long one probe may take.

    `hedge_share` (0 to 1) of the calls to a provider that allows it may be made a second time.
    """

    max_concurrent: int = 5
    timeout_s: float = 10.0
    hedge_share: float = 0.05


class FusionMethod(StrEnum):
    """What decides between answers: one weight, agreement, or trust that was learned."""

    BEST = "best"
    ENSEMBLE = "ensemble"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionPolicy:
    """How several answers become one value.

    Attributes:
        agreement_threshold: `ensemble`: the share of weight that must agree; `learned`: the
            probability from which on a value is accepted, where `stakes` say nothing of it.
        half_life_s: what a provider said counts half as much as evidence after that.
        pinned: a column's own method does not count, because the run asked for this one.
        judge: `learned`: who weighs the providers; None: nothing has been learned.
        stakes: `learned`: what right and wrong cells are worth, by which a value is accepted.
    """

    method: FusionMethod = FusionMethod.BEST
    agreement_threshold: float = 0.8
    half_life_s: float = 90 * 86_400.0
    pinned: bool = False
    judge: "Judge | None" = None
    stakes: "SelectionPolicy | None" = None

    def for_column(self, column: "Column") -> "FusionPolicy":
        """Give the policy of a column: its own method, and the probability that its stakes ask."""
        method = self.method
        if column.fusion and not self.pinned:
            method = FusionMethod(column.fusion)
        threshold = self.agreement_threshold
        if method is FusionMethod.LEARNED and self.stakes is not None:
            threshold = self.stakes.least_probability(column, default=threshold)
        if method is self.method and threshold == self.agreement_threshold:
            return self
        return replace(self, method=method, agreement_threshold=threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a provider that fails is left alone, and for how long.

    Attributes:
        failure_rate: when set, failures must also be this share (0 to 1) of the counted calls.
        slow_s: an answer that took this long or longer counts as a failure; None: none does.
        backoff: each opening without a close between waits this many times as long as the last.
        max_reset_s: what back-off never exceeds.
        credits_retry_s: when an account that is used up, and does not say until when, is tried
            again; twice as long each time in a row, and at most until midnight in UTC.
    """

    enabled: bool = True
    failure_threshold: int = 5
    minimum_requests: int = 10
    window_s: int = 60
    reset_s: float = 30.0
    success_threshold: int = 3
    permit_s: float = 15.0
    failure_rate: float | None = None
    slow_s: float | None = None
    backoff: float = 1.0
    max_reset_s: float = 300.0
    credits_retry_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPolicy:
    """What may be spent beside a run's own limit, in micro-credits a UTC day; None is no limit.

    `in_doubt`: what becomes of a call whose caller died, where the provider cannot tell.
    """

    table_day_microcredits: int | None = None
    tenant_day_microcredits: int | None = None
    in_doubt: InDoubt = InDoubt.CALL_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """How runs are cut into batches and kept alive.

    Attributes:
        batch_rows: rows that travel together.
        max_batches_in_flight: of one run; the rest wait in Postgres.
        lease_s: a batch whose step has not ended by then is sent again; longer than a probe.
        max_attempts: after so many, a batch is parked.
        max_wait_s: rows whose limit passes later than that are not waited for.
        max_deferrals: a row that a provider is still not done with by then is left pending.
        max_limited: the same for one that waits for a limit to pass: work is late, never for ever.
        max_money_waits: how often a row waits for money that others may give back; they do so by
            themselves when their hold ends, so this is a last resort as the others are.
        max_waves: of one batch; more means that a probe fails again and again.
        order: in which providers are asked, where a run does not say.
    """

    batch_rows: int = 200
    max_batches_in_flight: int = 16
    lease_s: float = 60.0
    max_attempts: int = 3
    max_wait_s: float = 900.0
    max_waves: int = 50
    max_deferrals: int = 1000
    max_limited: int = 20_000
    max_money_waits: int = 1000
    order: Order = Order.PARALLEL


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionPolicy:
    """What an adaptive run weighs its questions by, in micro-credits.

    Attributes:
        worth_microcredits: what a right value of a cell is worth.
        loss_microcredits: what a wrong one costs; None: so much that a value is taken from the
            agreement threshold on. At 0.8 a wrong cell costs four times what a right one earns.
        second_microcredits: what a second of waiting costs.
        explore_share: of the questions that are not worth their price, so many are asked to learn.
        refresh_microcredits: what the daily refresh of one table may spend; None: there is none.
    """

    worth_microcredits: int = 250_000
    loss_microcredits: int | None = None
    second_microcredits: float = 500.0
    explore_share: float = 0.02
    refresh_microcredits: int | None = None

    def worth_of(self, column: "Column") -> int:
        """Give what a right value of a column's cell is worth."""
        own = column.worth_microcredits
        return self.worth_microcredits if own is None else own

    def loss_of(self, column: "Column") -> int | None:
        """Give what a wrong value of a column's cell costs; None where nobody has said."""
        own = column.loss_microcredits
        return self.loss_microcredits if own is None else own

    def least_probability(self, column: "Column", *, default: float) -> float:
        """Give the probability from which on taking a value earns more than it costs."""
        loss = self.loss_of(column)
        return default if loss is None else loss / (loss + self.worth_of(column))


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherPolicy:
    """How requests about single rows are gathered in a worker.

    Attributes:
        window_s: how long a request waits for others, unless none is under way.
        most: rows that go together at most.
        at_once: groups that a worker carries out at a time.
    """

    window_s: float = 0.005
    most: int = 200
    at_once: int = 4
