"""What can come of asking one provider about one row.

An outcome is a value, never an exception: it crosses the broker, is stored, and is matched to the
end. Who acts on which kind:

    found            fusion                     not_found          the negative cache
    pending          asked again at its moment  invalid_input      recorded; not its fault
    rate_limited     the governor               legal_block        recorded, never retried
    credits_exhausted, unauthorized, gone       the long breaker
    unavailable, malformed                      the breaker
    skipped          nobody: we did not ask
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypeAlias

from enrich.domain.values import Json, JsonObject, Observation

__all__ = [
    "BREAKER",
    "DEADLINE",
    "LATE",
    "LATER_KINDS",
    "NO_CREDENTIAL",
    "OUT_OF_TIME",
    "OVER_BUDGET",
    "CreditsExhausted",
    "Found",
    "Gone",
    "InvalidInput",
    "LegalBlock",
    "Malformed",
    "NotFound",
    "Outcome",
    "OutcomeKind",
    "Pending",
    "RateLimited",
    "Skipped",
    "Unauthorized",
    "Unavailable",
    "outcome_from_json",
    "outcome_to_json",
    "reason_of",
    "retry_at_of",
    "told_of",
]


class OutcomeKind(StrEnum):
    """The kinds, as they are stored, logged and counted."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    PENDING = "pending"
    INVALID_INPUT = "invalid_input"
    RATE_LIMITED = "rate_limited"
    CREDITS_EXHAUSTED = "credits_exhausted"
    UNAUTHORIZED = "unauthorized"
    LEGAL_BLOCK = "legal_block"
    UNAVAILABLE = "unavailable"
    GONE = "gone"
    MALFORMED = "malformed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Found:
    """The provider knows the row: its observations by field, at least one."""

    kind: ClassVar = OutcomeKind.FOUND
    observations: Mapping[str, Observation]

    def __post_init__(self) -> None:
        if not self.observations:
            msg = "an answer without any observation is NotFound"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider works and does not know the row; one that `is_hit` is charged as a hit."""

    kind: ClassVar = OutcomeKind.NOT_FOUND
    is_hit: bool = field(default=False, compare=False)  # not kept: its cost is


@dataclass(frozen=True, slots=True)
class Pending:
    """The provider has begun to work on it; ask again at `retry_at`."""

    kind: ClassVar = OutcomeKind.PENDING
    retry_at: datetime
    token: str = ""


@dataclass(frozen=True, slots=True)
class InvalidInput:
    """The provider cannot use what the row has; `reason` never quotes the value."""

    kind: ClassVar = OutcomeKind.INVALID_INPUT
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Too many questions for now; ask again at `retry_at`."""

    kind: ClassVar = OutcomeKind.RATE_LIMITED
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class CreditsExhausted:
    """What was paid for is used up until `reset_at`, when that is known."""

    kind: ClassVar = OutcomeKind.CREDITS_EXHAUSTED
    reset_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The credential was refused."""

    kind: ClassVar = OutcomeKind.UNAUTHORIZED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LegalBlock:
    """The provider may not answer about this subject; never asked again."""

    kind: ClassVar = OutcomeKind.LEGAL_BLOCK
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No usable answer in time: refused, reset, timed out, or a server error."""

    kind: ClassVar = OutcomeKind.UNAVAILABLE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """The provider has shut down; `successor` names who took over, when known."""

    kind: ClassVar = OutcomeKind.GONE
    successor: str = ""


@dataclass(frozen=True, slots=True)
class Malformed:
    """An answer came that is not of the agreed shape; one that `is_hit` is charged as one."""

    kind: ClassVar = OutcomeKind.MALFORMED
    reason: str = ""
    is_hit: bool = field(default=False, compare=False)  # not kept: its cost is


@dataclass(frozen=True, slots=True)
class Skipped:
    """We chose not to ask (breaker open, over budget …); `retry_at` is when that may pass."""

    kind: ClassVar = OutcomeKind.SKIPPED
    reason: str
    retry_at: datetime | None = field(default=None)


#: How a reason of `Skipped` begins: a cap leaves no money, or a breaker refuses; then whose, why.
OVER_BUDGET = "over budget"
BREAKER = "breaker"
#: The reason of `Skipped` when a tenant has no key for a provider that needs one.
NO_CREDENTIAL = "no credential"
#: Reasons of `Skipped` that make work later: no time was left, or the booked start was missed.
DEADLINE = "deadline"
LATE = "late for its start"
OUT_OF_TIME = frozenset({DEADLINE, LATE})

#: Outcomes that say when to come back: they make work later, never failed.
LATER_KINDS = frozenset({OutcomeKind.PENDING, OutcomeKind.RATE_LIMITED})

# Calling the enumeration takes longer than all the rest of decoding.
_KINDS: Mapping[str, OutcomeKind] = {kind.value: kind for kind in OutcomeKind}

Outcome: TypeAlias = (
    Found
    | NotFound
    | Pending
    | InvalidInput
    | RateLimited
    | CreditsExhausted
    | Unauthorized
    | LegalBlock
    | Unavailable
    | Gone
    | Malformed
    | Skipped
)


def retry_at_of(outcome: Outcome) -> datetime | None:
    """Say when the row may be asked about again, for the outcomes that make work later."""
    match outcome:
        case Pending(retry_at=moment) | RateLimited(retry_at=moment) | Skipped(retry_at=moment):
            return moment
        case _:
            return None


def reason_of(outcome: Outcome) -> str:
    """Say why it ended so, for the outcomes that know; empty for the others."""
    return getattr(outcome, "reason", "")


def told_of(outcome: Outcome) -> str:
    """Say how asking ended, for people: `unavailable (timed out)`."""
    why = reason_of(outcome)
    return outcome.kind.value + (f" ({why})" if why else "")


def outcome_to_json(outcome: Outcome) -> JsonObject:
    """Encode an outcome for storage and cache; `outcome_from_json` is its inverse."""
    out: JsonObject = {"kind": outcome.kind.value}
    match outcome:
        case Found(observations=observations):
            out["observations"] = {
                name: [seen.value, seen.confidence] for name, seen in observations.items()
            }
            if notes := {name: seen.note for name, seen in observations.items() if seen.note}:
                out["notes"] = {**notes}
        case Pending(retry_at=moment, token=token):
            out |= {"retry_at": moment.isoformat(), "token": token}
        case RateLimited(retry_at=moment):
            out["retry_at"] = moment.isoformat()
        case Skipped(reason=reason, retry_at=later):
            out |= {"reason": reason, "retry_at": later.isoformat() if later else None}
        case CreditsExhausted(reset_at=later):
            out["reset_at"] = later.isoformat() if later else None
        case Gone(successor=successor):
            out["successor"] = successor
        case NotFound():
            pass
        case _:
            out["reason"] = outcome.reason
    return out


def outcome_from_json(raw: Mapping[str, Json]) -> Outcome:  # noqa: C901 - one case per kind
    """Decode what `outcome_to_json` made. Raises `ValueError`, `KeyError` or `TypeError`."""
    match _KINDS[str(raw["kind"])]:
        case OutcomeKind.FOUND:
            return Found(_observations(raw["observations"], raw.get("notes")))
        case OutcomeKind.NOT_FOUND:
            return NotFound()
        case OutcomeKind.PENDING:
            return Pending(_moment(raw["retry_at"]), str(raw["token"]))
        case OutcomeKind.RATE_LIMITED:
            return RateLimited(_moment(raw["retry_at"]))
        case OutcomeKind.CREDITS_EXHAUSTED:
            return CreditsExhausted(_moment_or_none(raw["reset_at"]))
        case OutcomeKind.SKIPPED:
            return Skipped(str(raw["reason"]), _moment_or_none(raw["retry_at"]))
        case OutcomeKind.GONE:
            return Gone(str(raw["successor"]))
        case OutcomeKind.INVALID_INPUT:
            return InvalidInput(str(raw["reason"]))
        case OutcomeKind.UNAUTHORIZED:
            return Unauthorized(str(raw["reason"]))
        case OutcomeKind.LEGAL_BLOCK:
            return LegalBlock(str(raw["reason"]))
        case OutcomeKind.UNAVAILABLE:
            return Unavailable(str(raw["reason"]))
        case OutcomeKind.MALFORMED:
            return Malformed(str(raw["reason"]))


def _observations(raw: Json, notes: Json) -> dict[str, Observation]:
    if not isinstance(raw, dict):
        msg = "observations must be an object"
        raise TypeError(msg)
    decoded = {}
    for name, pair in raw.items():
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], (int, float)):
            msg = f"observation {name!r} must be a value and a confidence"
            raise TypeError(msg)
        note = str(notes.get(name, "")) if isinstance(notes, dict) else ""
        decoded[name] = Observation(value=pair[0], confidence=float(pair[1]), note=note)
    return decoded


def _moment(raw: Json) -> datetime:
    return datetime.fromisoformat(str(raw))


def _moment_or_none(raw: Json) -> datetime | None:
    return None if raw is None else _moment(raw)
