"""What this process does not go on with: the steps of a run, sent to others."""

import logging
from collections.abc import Sequence

from enrich.domain.run import Step
from enrich.engine.together import Unit
from enrich.errors import BrokerDownError, EnrichError
from tasks.canvas import CeleryDispatcher

__all__ = ["hand_on", "send_on"]

log = logging.getLogger("enrich.tasks")


def hand_on(
    dispatcher: CeleryDispatcher, unit: Unit, steps: Sequence[Step], exc: Exception
) -> None:
    """Have others do what failed here; what they do not get, the sweep takes up."""
    run = unit.batch.run
    if isinstance(exc, EnrichError):
        log.warning("unit.handed_on", extra={"run": run.id, "error": str(exc)})
    else:
        log.error("unit.broke", exc_info=exc, extra={"run": run.id})
    send_on(dispatcher, unit, steps)


def send_on(dispatcher: CeleryDispatcher, unit: Unit, steps: Sequence[Step]) -> None:
    """Send a unit's next steps; what the broker does not take, the sweep takes up."""
    try:
        dispatcher.dispatch(steps)
    except BrokerDownError as exc:
        extra = {"run": unit.batch.run.id, "error": str(exc)}
        log.warning("run.left_to_sweep", extra=extra)
