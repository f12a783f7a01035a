"""Calls that cost money: how one stands before it is made, and what its end means.

A question has one call that counts, whoever asks and however often a message comes. It is reserved
before it is made and holds its answer afterwards. A reservation whose caller died after it had
begun is in doubt: nobody here knows whether the call was made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from enrich.domain.outcome import Outcome, OutcomeKind, Skipped
from enrich.domain.provider import Answer, ProviderSpec

__all__ = [
    "NO_TRACE",
    "Asked",
    "Booking",
    "CallEnd",
    "CallState",
    "Doubt",
    "Hold",
    "InDoubt",
    "Ruling",
    "Scope",
    "Spending",
    "Verdict",
    "call_key",
    "doubt_of",
    "end_state_of",
    "scopes_of",
]


class CallState(StrEnum):
    """Where a call stands. `free`: it may be made; `parked`: a person has to say what it was."""

    FREE = "free"
    RESERVED = "reserved"
    ANSWERED = "answered"
    FAILED = "failed"
    PARKED = "parked"


class InDoubt(StrEnum):
    """What becomes of a call of which nobody knows whether it was made."""

    CALL_AGAIN = "call_again"
    PARK = "park"


class Ruling(StrEnum):
    """What a person says of a call in doubt.

    `paid`: it was made and counts; a later run asks anew. `not_paid`: it never was, and may be made
    now. `call_again`: nobody knows; make it, and let the ledger say that it may be the second.
    """

    PAID = "paid"
    NOT_PAID = "not_paid"
    CALL_AGAIN = "call_again"


class Verdict(StrEnum):
    """What asking for a reservation gave.

    `ours`: make the call. `doubtful`: ours too, and somebody may have made it before. `known`: it
    was answered. `held`: somebody else is making it. `parked`: it waits for a person.
    """

    OURS = "ours"
    DOUBTFUL = "doubtful"
    KNOWN = "known"
    HELD = "held"
    PARKED = "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """What came of a call; written once, before anything else is done with it.

    `is_parked`: nobody knows, and a person has to say; its outcome is not kept.
    """

    outcome: Outcome
    observed_at: datetime
    cost_microcredits: int = 0
    latency_s: float = 0.0
    is_parked: bool = False

    @property
    def state(self) -> CallState:
        """What the call is from now on."""
        return CallState.PARKED if self.is_parked else end_state_of(self.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question that is about to be paid for: its row, and the most that it may cost."""

    row: int
    price_microcredits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """How one question stands after a reservation was asked for.

    `key` names the call to the provider and to people; `until` is when another's reservation ends.
    """

    verdict: Verdict
    key: str
    until: datetime | None = None
    end: CallEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A question that may have been paid for more often than once, as operators read it.

    Those of one request to the provider have the same `call`.
    """

    key: str
    call: str
    run_id: int
    row: str
    provider: str
    state: CallState
    doubts: int
    price_microcredits: int
    cost_microcredits: int
    reserved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Money of calls that are under way: `amount_microcredits` until `left_s` from now."""

    id: str
    amount_microcredits: int
    left_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a scope has spent and what is under way in it, by the ledger of paid calls."""

    spent_microcredits: int = 0
    holds: tuple[Hold, ...] = field(default=())


#: What a provider says of a call of which it will never be able to tell whether it was made.
NO_TRACE = Answer(
    outcome=Skipped("nobody can tell whether it was made"), cost_microcredits=0, calls=0
)

_ANSWERS = frozenset(
    {
        OutcomeKind.FOUND,
        OutcomeKind.NOT_FOUND,
        OutcomeKind.INVALID_INPUT,
        OutcomeKind.LEGAL_BLOCK,
    }
)
_NOT_ENDED = frozenset({OutcomeKind.SKIPPED, OutcomeKind.RATE_LIMITED, OutcomeKind.PENDING})


def end_state_of(outcome: Outcome) -> CallState:
    """Say how a call ends: answered, failed, or free to be asked again."""
    if outcome.kind in _ANSWERS:
        return CallState.ANSWERED
    return CallState.FREE if outcome.kind in _NOT_ENDED else CallState.FAILED


def doubt_of(spec: ProviderSpec, setting: InDoubt) -> InDoubt:
    """Say what becomes of a provider's call in doubt.

    Who takes a key or can be asked by it never makes us guess; else the setting decides.
    """
    if spec.takes_key or spec.can_look_up:
        return InDoubt.CALL_AGAIN
    return InDoubt(spec.in_doubt) if spec.in_doubt else setting


def call_key(input_key: str, generation: int) -> str:
    """Name a call: the same for whoever makes it, another when the question is asked anew."""
    return f"{input_key}-{generation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a limit on spending is about: a run, or a day (UTC) of a table or of the tenant."""

    run_id: int | None = None
    table: str | None = None
    day: date | None = None

    @property
    def kind(self) -> str:
        """What it is about: `run`, `table` or `tenant`."""
        if self.run_id is not None:
            return "run"
        return "tenant" if self.table is None else "table"

    @property
    def name(self) -> str:
        """Its name in the books."""
        if self.run_id is not None:
            return f"run:{self.run_id}"
        if self.table is not None:
            return f"table:{self.table}:{self.day}"
        return f"tenant:{self.day}"

    @classmethod
    def named(cls, name: str) -> "Scope":
        """Read a name. Raises `ValueError`."""
        kind, _, rest = name.partition(":")
        if kind == "run":
            return cls(run_id=int(rest))
        table, _, day = rest.rpartition(":")
        return cls(table=table if kind == "table" else None, day=date.fromisoformat(day))


def scopes_of(
    run_id: int, table: str, day: date, caps: Iterable[int | None]
) -> Mapping[str, int | None]:
    """Name every scope that a run's money counts in, with the caps of run, table and tenant."""
    scopes = (Scope(run_id=run_id), Scope(table=table, day=day), Scope(day=day))
    return {scope.name: cap for scope, cap in zip(scopes, caps, strict=True)}
