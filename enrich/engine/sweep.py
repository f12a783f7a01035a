"""Take up again what nobody works on any more; it needs Postgres alone."""

import logging
from dataclasses import dataclass

from enrich.domain.run import Step
from enrich.engine.parts import Parts
from enrich.engine.submit import resume
from enrich.ports import Finished

__all__ = ["Sweep", "sweep"]

log = logging.getLogger("enrich.engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Steps to send again, and runs that ended because their last batch was parked."""

    steps: tuple[Step, ...]
    finished: tuple[Finished, ...]


def sweep(parts: Parts) -> Sweep:
    """Give each batch whose lease ran out, or whose moment has come, to the next who is free."""
    policy = parts.policies.runs
    if parts.callbacks:
        parts.recorder.count("batches_woken", parts.callbacks.wake())
    swept = parts.runs.sweep(lease_s=policy.lease_s, max_attempts=policy.max_attempts)
    steps = tuple(step for run, ref in swept.due for step in resume(parts, run, [ref]))
    if swept.due or swept.parked:
        log.info("sweep.sent", extra={"batches": len(swept.due), "parked": swept.parked})
    parts.recorder.count("batches_swept", len(swept.due))
    parts.recorder.count("batches_parked", swept.parked)
    return Sweep(steps=steps, finished=swept.finished)
