"""Count and log what came too late to change anything."""

import logging

from enrich.domain.run import BatchRef
from enrich.engine.parts import Parts

__all__ = ["note_stale"]

log = logging.getLogger("enrich.engine")


def note_stale(parts: Parts, ref: BatchRef, step: str) -> None:
    """Note a step of a batch that has moved on, was cancelled or belongs to a newer attempt."""
    parts.recorder.count("steps_stale", labels={"step": step})
    extra = {"step": step, "run": ref.run_id, "batch": ref.number, "attempt": ref.attempt}
    log.info("step.stale", extra=extra)
