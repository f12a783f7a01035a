"""For how long each kind of answer may stand in for asking again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from enrich.domain.calls import Refusal
from enrich.domain.outcome import (
    BREAKER,
    Found,
    InvalidInput,
    LegalBlock,
    Malformed,
    NotFound,
    Outcome,
    Skipped,
    Unavailable,
)
from enrich.domain.policy import CachePolicy
from enrich.domain.provider import ProviderSpec

__all__ = ["Keeping", "is_down", "is_fresh", "keeping_of"]

_DAY_S = 24 * 3600

#: Why we did not ask a provider that has failed too often of late.
_FAILED_BEFORE = f"{BREAKER} {Refusal.OPEN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How an answer is kept; `negative` when it says that there is nothing to know."""

    ttl_s: float
    negative: bool = False
    reason: str = ""


def keeping_of(outcome: Outcome, spec: ProviderSpec, policy: CachePolicy) -> Keeping | None:
    """Say how an answer is kept; None for what says nothing about the row.

    Not found soon deserves another try. An input that a provider refuses stays refused until the
    row changes, and then it is another question. A legal block is not to be asked again at all.
    """
    match outcome:
        case Found():
            return Keeping(ttl_s=_or(spec.ttl_s, policy.response_ttl_s))
        case NotFound():
            ttl_s = _or(spec.negative_ttl_s, policy.negative_ttl_s)
            return Keeping(ttl_s=ttl_s, negative=True, reason=outcome.kind.value)
        case InvalidInput():
            return Keeping(ttl_s=_DAY_S, negative=True, reason=outcome.kind.value)
        case LegalBlock():
            return Keeping(ttl_s=30 * _DAY_S, negative=True, reason=outcome.kind.value)
        case _:
            return None


def is_down(outcome: Outcome) -> bool:
    """Say whether a provider is down, so that an older answer may stand in for this one.

    One that refuses our key, wants to be paid or was not to be asked works: it is for us to act.
    """
    match outcome:
        case Unavailable() | Malformed():
            return True
        case Skipped(reason=reason):
            return reason == _FAILED_BEFORE
        case _:
            return False


def is_fresh(wanted: Collection[str], age_s: float, field_ttl_s: Mapping[str, int]) -> bool:
    """Say whether an answer of this age may still speak for all the wanted fields."""
    return all(age_s < field_ttl_s.get(name, float("inf")) for name in wanted)


def _or(own: int | None, default: int) -> int:
    return default if own is None else own
