"""The groups of settings that become policies. Defaults are those of the policies."""

from typing import Annotated

from pydantic import Field

from enrich.domain.paid import InDoubt
from enrich.domain.policy import (
    BreakerPolicy,
    BudgetPolicy,
    CachePolicy,
    FusionMethod,
    FusionPolicy,
    ProbePolicy,
    RunPolicy,
    SelectionPolicy,
    SingleflightPolicy,
)
from enrich.domain.run import Order
from enrich.domain.values import MICROCREDITS_PER_CREDIT, microcredits_of
from enrich.settings.values import Count, Credits, FieldTtls, Flag, Seconds, Share, Ttl, Values

__all__ = [
    "BreakerSettings",
    "BudgetSettings",
    "CacheSettings",
    "FusionSettings",
    "ProbeSettings",
    "RunSettings",
    "SelectionSettings",
    "SingleflightSettings",
]

_CACHE, _FLIGHT, _PROBE = CachePolicy(), SingleflightPolicy(), ProbePolicy()
_FUSION, _BREAKER, _RUN = FusionPolicy(), BreakerPolicy(), RunPolicy()
_SELECTION = SelectionPolicy()


class CacheSettings(Values):
    """How long answers are kept, in seconds; 0 keeps nothing."""

    enabled: Flag = _CACHE.enabled
    version: Count = _CACHE.version
    response_ttl_seconds: Ttl = _CACHE.response_ttl_s
    default_ttl_seconds: Ttl = _CACHE.default_ttl_s
    negative_ttl_seconds: Ttl = _CACHE.negative_ttl_s
    soft_ttl_seconds: Ttl | None = _CACHE.soft_ttl_s
    stale_ttl_seconds: Ttl = _CACHE.stale_ttl_s
    field_ttl_seconds: FieldTtls = Field(default_factory=dict)
    max_memory_entries: Count = _CACHE.max_memory_entries

    def policy(self) -> CachePolicy:
        """Give the domain's form."""
        return CachePolicy(
            enabled=self.enabled,
            version=self.version,
            response_ttl_s=self.response_ttl_seconds,
            default_ttl_s=self.default_ttl_seconds,
            negative_ttl_s=self.negative_ttl_seconds,
            soft_ttl_s=self.soft_ttl_seconds,
            stale_ttl_s=self.stale_ttl_seconds,
            field_ttl_s=self.field_ttl_seconds,
            max_memory_entries=self.max_memory_entries,
        )


class SingleflightSettings(Values):
    """How long a waiter waits for another's call, and how long that one's lease lasts."""

    enabled: Flag = _FLIGHT.enabled
    timeout_seconds: Seconds = _FLIGHT.timeout_s
    lease_seconds: Seconds = _FLIGHT.lease_s

    def policy(self) -> SingleflightPolicy:
        """Give the domain's form."""
        return SingleflightPolicy(
            enabled=self.enabled, timeout_s=self.timeout_seconds, lease_s=self.lease_seconds
        )


class ProbeSettings(Values):
    """How many providers are asked at once in process, and how long one may take.

    `hedge_share` of the calls to a provider that allows it are made a second time when they take
    longer than 95 of 100; 0 is never.
    """

    max_concurrent: Annotated[int, Field(ge=1, le=256)] = _PROBE.max_concurrent
    timeout_seconds: Seconds = _PROBE.timeout_s
    hedge_share: Annotated[float, Field(ge=0, le=1)] = _PROBE.hedge_share

    def policy(self) -> ProbePolicy:
        """Give the domain's form."""
        return ProbePolicy(
            max_concurrent=self.max_concurrent,
            timeout_s=self.timeout_seconds,
            hedge_share=self.hedge_share,
        )


class FusionSettings(Values):
    """How several answers become one value, and the share of weight that must agree.

    Without a `method` it is `ensemble` when `enabled`, else `best`.
    """

    enabled: Flag = False
    method: FusionMethod | None = None
    agreement_threshold: Share = _FUSION.agreement_threshold
    half_life_days: Annotated[float, Field(gt=0, le=36_500)] = _FUSION.half_life_s / 86_400

    def policy(self) -> FusionPolicy:
        """Give the domain's form."""
        own = FusionMethod.ENSEMBLE if self.enabled else _FUSION.method
        return FusionPolicy(
            method=self.method or own,
            agreement_threshold=self.agreement_threshold,
            half_life_s=self.half_life_days * 86_400,
        )


class BreakerSettings(Values):
    """When a provider that fails is left alone, and for how long."""

    enabled: Flag = _BREAKER.enabled
    failure_threshold: Count = _BREAKER.failure_threshold
    minimum_requests: Count = _BREAKER.minimum_requests
    window_seconds: Annotated[int, Field(ge=1, le=86_400)] = _BREAKER.window_s
    reset_timeout_seconds: Annotated[float, Field(ge=0, le=86_400)] = _BREAKER.reset_s
    success_threshold: Count = _BREAKER.success_threshold
    permit_seconds: Seconds = _BREAKER.permit_s
    failure_rate: Share | None = _BREAKER.failure_rate
    credits_retry_seconds: Annotated[float, Field(ge=1, le=86_400)] = _BREAKER.credits_retry_s

    def policy(self) -> BreakerPolicy:
        """Give the domain's form."""
        return BreakerPolicy(
            enabled=self.enabled,
            failure_threshold=self.failure_threshold,
            minimum_requests=self.minimum_requests,
            window_s=self.window_seconds,
            reset_s=self.reset_timeout_seconds,
            success_threshold=self.success_threshold,
            permit_s=self.permit_seconds,
            failure_rate=self.failure_rate,
            credits_retry_s=self.credits_retry_seconds,
        )


class RunSettings(Values):
    """How runs are cut into batches and kept alive.

    `policy` is the order in which providers are asked, where a run does not say: all who are not
    dear at once (`parallel`), one after the other (`sequential`), or by what an answer is worth
    (`adaptive`). A batch is looked up in the cache before its probes are sent; a worker from before
    that knows no such message, so `look_up_first` is false as long as one is left.
    """

    order: Order = Field(default=Order.PARALLEL, alias="policy")
    batch_rows: Annotated[int, Field(ge=1, le=10_000)] = _RUN.batch_rows
    max_batches_in_flight: Count = _RUN.max_batches_in_flight
    lease_seconds: Seconds = _RUN.lease_s
    max_attempts: Annotated[int, Field(ge=1, le=100)] = _RUN.max_attempts
    max_wait_seconds: Annotated[float, Field(ge=0, le=30 * 86_400)] = _RUN.max_wait_s
    # A worker that is asked to end hands back what takes longer; whoever ends it waits for more.
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 15.0
    look_up_first: bool = True

    def policy(self) -> RunPolicy:
        """Give the domain's form."""
        return RunPolicy(
            batch_rows=self.batch_rows,
            max_batches_in_flight=self.max_batches_in_flight,
            lease_s=self.lease_seconds,
            max_attempts=self.max_attempts,
            max_wait_s=self.max_wait_seconds,
            order=self.order,
        )


class SelectionSettings(Values):
    """What an adaptive run weighs its questions by.

    A right value of a cell is worth `cell_worth_credits`; a wrong one costs `wrong_cost_credits`,
    unset so much that a value is taken from the agreement threshold on. A second of waiting costs
    `second_credits`. Of the questions that are not worth their price `explore_share` are asked to
    learn. Once a day `refresh_credits` may be spent per table on cells that have probably changed;
    unset, there is no such refresh, and 0 asks only who is free.
    """

    cell_worth_credits: Annotated[float, Field(gt=0, le=1e6)] = (
        _SELECTION.worth_microcredits / MICROCREDITS_PER_CREDIT
    )
    wrong_cost_credits: Annotated[float, Field(ge=0, le=1e6)] | None = None
    second_credits: Annotated[float, Field(ge=0, le=1e3)] = (
        _SELECTION.second_microcredits / MICROCREDITS_PER_CREDIT
    )
    explore_share: Annotated[float, Field(ge=0, le=1)] = _SELECTION.explore_share
    refresh_credits: Credits | None = None

    def policy(self) -> SelectionPolicy:
        """Give the domain's form."""
        return SelectionPolicy(
            worth_microcredits=max(1, microcredits_of(self.cell_worth_credits)),
            loss_microcredits=_micro(self.wrong_cost_credits),
            second_microcredits=self.second_credits * MICROCREDITS_PER_CREDIT,
            explore_share=self.explore_share,
            refresh_microcredits=_micro(self.refresh_credits),
        )


class BudgetSettings(Values):
    """What may be spent a UTC day, in credits, beside a run's own limit; unset is no limit.

    `in_doubt` is what becomes of a paid call whose worker died, where the provider cannot tell
    whether it was made: it is made again, or parked until a person has settled it.
    """

    table_day_credits: Credits | None = None
    tenant_day_credits: Credits | None = None
    in_doubt: InDoubt = InDoubt.CALL_AGAIN

    def policy(self) -> BudgetPolicy:
        """Give the domain's form."""
        return BudgetPolicy(
            table_day_microcredits=_micro(self.table_day_credits),
            tenant_day_microcredits=_micro(self.tenant_day_credits),
            in_doubt=self.in_doubt,
        )


def _micro(amount: float | None) -> int | None:
    return None if amount is None else microcredits_of(amount)
