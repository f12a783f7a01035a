"""What an adaptive run chooses by: the settings, and who is left alone just now."""

from datetime import datetime

from enrich.domain.run import Order, RunView
from enrich.domain.selection.plan import Choosing
from enrich.engine.parts import Parts
from enrich.ports import BreakerStatus

__all__ = ["choosing_of"]


def choosing_of(parts: Parts, run: RunView) -> Choosing | None:
    """Give what a run chooses by; None where the order of asking is fixed."""
    if run.options.order is not Order.ADAPTIVE:
        return None
    gates = tuple(sorted({spec.gate for spec in parts.of(run.columns).specs}))
    status = parts.breakers.status(gates)
    now = parts.clock.now()
    barred = frozenset(gate for gate, one in status.items() if _is_shut(one, now))
    return Choosing(policy=parts.policies.selection, barred=barred)


def _is_shut(status: BreakerStatus, now: datetime) -> bool:
    """Say whether it lets nobody through; one whose wait is over has to be tried."""
    if status.state != "open":
        return False
    return status.held or status.retry_at is None or status.retry_at > now
