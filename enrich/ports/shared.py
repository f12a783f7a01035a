"""Short-lived state that all workers share. Every method takes many keys and is one round trip.

When Redis is away each falls back to the memory of its process and counts it; only what spends
money waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from enrich.domain.breaker_values import BreakerStatus
from enrich.domain.calls import CallReport, Permit, Refusal
from enrich.domain.rate import RateLimit, Slots
from enrich.domain.values import Json

__all__ = [
    "AuditEntry",
    "BreakerStatus",
    "Breakers",
    "Budgets",
    "BudgetsAway",
    "CacheEntry",
    "CacheHit",
    "CallReport",
    "Claim",
    "Governor",
    "Leases",
    "OverBudget",
    "Permit",
    "Refusal",
    "Reservation",
    "ResultCache",
    "Slots",
]


# Neither is frozen, as other values that come by the million: see `Observation`.
@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class CacheEntry:
    """What is kept under a key.

    `ttl_s` is how long it counts as known; after `soft_ttl_s` one reader is told to refresh it;
    up to `stale_ttl_s` after its end it may be served when the provider is down. `took_s` is what
    fetching it took. A negative entry leaves a known positive of higher `confidence` in place
    unless it is `forced`; without a confidence a positive counts as sure, a negative as not.
    """

    payload: Json
    ttl_s: float
    negative: bool = False
    reason: str = ""
    soft_ttl_s: float | None = None
    stale_ttl_s: float = 0.0
    took_s: float | None = None
    confidence: float | None = None
    forced: bool = False


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class CacheHit:
    """What was kept, how old it is, and whether to ask for a new one meanwhile."""

    payload: Json
    negative: bool
    reason: str
    stored_at: datetime
    age_s: float
    stale: bool = False
    refresh: bool = False


class ResultCache(Protocol):
    """Answers of providers (kind "response") and results of cells (kind "cell")."""

    def get_many(
        self, tenant: str, names: Sequence[str], *, stale_ok: bool = False
    ) -> Mapping[str, CacheHit]:
        """Look up many; what is missing, expired or unreadable is not in the answer."""
        ...

    def put_many(self, tenant: str, entries: Mapping[str, CacheEntry]) -> None:
        """Keep many. Losing the connection loses the entries and nothing else."""
        ...

    def drop_many(self, tenant: str, names: Sequence[str]) -> None:
        """Forget many."""
        ...

    def clear(self) -> None:
        """Void all of this kind, for all tenants and workers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who leads each key: `led` holds our fence by key, `held` the keys that others lead."""

    led: Mapping[str, int]
    held: frozenset[str]
    token: str


class Leases(Protocol):
    """Singleflight over all workers: one leader a key, the others wait.

    The lease of a dead leader runs out and one waiter takes over; a frozen leader that comes back
    finds its fence too old.
    """

    def claim(self, tenant: str, names: Sequence[str], *, lease_s: float) -> Claim:
        """Become leader where nobody is. Without Redis: of this process."""
        ...

    def renew(self, tenant: str, claim: Claim, *, lease_s: float) -> frozenset[str]:
        """Extend; gives the names that are still ours."""
        ...

    def release(self, tenant: str, claim: Claim, *, error: str = "") -> frozenset[str]:
        """Let go and wake the waiters; gives the names that were still ours.

        `error` is shared with the waiters instead of a result.
        """
        ...

    def wait(self, tenant: str, names: Sequence[str], *, timeout_s: float) -> Mapping[str, str]:
        """Wait until each is released or its lease ran out; name to error ("" when released well).

        Names still held at the timeout are not in the answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One intervention by hand; `why` is what who did it said of it."""

    at: datetime
    actor: str
    key: str
    before: str
    after: str
    hold: bool
    why: str = ""


class Breakers(Protocol):
    """One breaker per provider and credential; `key` names both."""

    def acquire(self, key: str, *, want: int = 1) -> Permit:
        """Ask leave for calls. Without Redis: of a breaker of this process, same numbers."""
        ...

    def report(self, key: str, permit: Permit, report: CallReport) -> None:
        """Say how they went; a report of an older generation is dropped."""
        ...

    def status(self, keys: Sequence[str]) -> Mapping[str, BreakerStatus]:
        """Read states."""
        ...

    def known(self) -> tuple[str, ...]:
        """List the keys of all breakers that were used or set lately, sorted."""
        ...

    def force(
        self, key: str, state: str, *, hold: bool = False, actor: str = "", why: str = ""
    ) -> None:
        """Set a state by hand, for good when held; audited. Raises `BadInputError`."""
        ...

    def release(self, key: str, *, actor: str = "", why: str = "") -> None:
        """End a hold: the next acquire is a trial."""
        ...

    def audit(self) -> tuple[AuditEntry, ...]:
        """Tell what was set by hand lately, newest first."""
        ...


class Governor(Protocol):
    """The rate limits of one provider key, shared by all workers. It answers when."""

    def reserve(
        self,
        key: str,
        *,
        want: int,
        max_delay_s: float,
        tenant: str = "default",
        limits: Sequence[RateLimit] = (),
    ) -> Slots:
        """Book starts within `max_delay_s`; the rest are to be put back until `retry_at`.

        All `limits` hold at once, over all workers; tenants that compete get equal shares.
        Without Redis this process keeps to its own share of the limits.
        """
        ...

    def learn(
        self,
        key: str,
        *,
        retry_at: datetime | None = None,
        remaining: int | None = None,
        reset_at: datetime | None = None,
    ) -> None:
        """Take what a provider said about its limit: nobody calls before `retry_at`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Money put aside for calls that are about to be made, in every scope at once."""

    id: str
    amount_microcredits: int
    scopes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverBudget:
    """Why money cannot be put aside: the scope that has too little left.

    `held_microcredits` are in the hands of others there, who may give some back.
    """

    scope: str
    cap_microcredits: int
    left_microcredits: int
    held_microcredits: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetsAway:
    """Nobody can tell now how much is left: what costs money waits until `retry_at`."""

    retry_at: datetime


class Budgets(Protocol):
    """Caps on spending: never overspent by one unit, whatever runs at once.

    Without Redis nothing can be reserved: what costs money waits.
    """

    def reserve(
        self,
        tenant: str,
        caps: Mapping[str, int],
        amount_microcredits: int,
        *,
        hold_s: float,
        name: str = "",
    ) -> Reservation | OverBudget | BudgetsAway:
        """Put money aside in all scopes (scope to cap) or in none; `name` is the reservation's id.

        What is put aside under a name takes the place of what it held before; when that is refused,
        the name holds what it held.
        A dead holder's money returns after `hold_s`, so a hold outlasts the calls it is for. Of a
        scope that Redis does not know, or no longer, the ledger is asked first.
        """
        ...

    def commit(self, tenant: str, reservation: Reservation, spent_microcredits: int) -> None:
        """Turn what was spent into spending and give back the rest; once for each reservation.

        What was spent counts even after the hold has ended, and is counted later when Redis is
        away. Of nothing it gives all back, and the reservation's name may be used again.
        """
        ...

    def restore(self, tenant: str, spent: Mapping[str, int]) -> None:
        """Lift each scope's spending to at least what the ledger says of those that have ended."""
        ...

    def spent(self, tenant: str, scopes: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Give spent and reserved by scope."""
        ...
