"""What is said when a breaker moves: one log line, one count; and who moved it by hand."""

import logging

from enrich.domain.breaker_values import BreakerEvent, BreakerState, Change
from enrich.domain.keys import provider_of
from enrich.ports.outside import Recorder

__all__ = [
    "AUDIT_ENTRIES",
    "REJECTED_TOTAL",
    "TRANSITIONS_TOTAL",
    "announce",
]

log = logging.getLogger(__name__)

TRANSITIONS_TOTAL = "enrich_breaker_transitions_total"
REJECTED_TOTAL = "enrich_breaker_rejected_total"

_LOG_EVENTS = {
    BreakerState.OPEN: "breaker.opened",
    BreakerState.HALF_OPEN: "breaker.half_open",
    BreakerState.CLOSED: "breaker.closed",
}
_BY_HAND = frozenset(
    {
        BreakerEvent.FORCED_OPEN,
        BreakerEvent.FORCED_HALF_OPEN,
        BreakerEvent.FORCED_CLOSED,
        BreakerEvent.RELEASED,
    }
)


#: How many interventions by hand are remembered.
AUDIT_ENTRIES = 1000


def announce(recorder: Recorder, key: str, change: Change | None, *, actor: str = "") -> None:
    """Log and count a move, by whoever made it: so each is announced once over all workers."""
    if change is None:
        return
    labels = {"provider": provider_of(key), "to": change.after.value}
    recorder.count(TRANSITIONS_TOTAL, 1, labels)
    event = _LOG_EVENTS[change.after]
    log.log(
        logging.WARNING if change.after is BreakerState.OPEN else logging.INFO,
        event,
        extra={
            "event": event,
            "breaker": key,
            "from": change.before.value,
            "cause": change.event.value,
            "reason": change.reason.value,
            "successes": change.successes,
            "failures": change.failures,
            "retry_at": change.retry_at.isoformat() if change.retry_at else None,
            "manual": change.event in _BY_HAND,
            "actor": actor,
        },
    )
