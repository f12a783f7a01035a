"""Take up again what was parked."""

from enrich.domain.run import Step
from enrich.engine.parts import Parts
from enrich.engine.submit import resume

__all__ = ["retry"]


def retry(parts: Parts, tenant: str, run_id: int) -> tuple[Step, ...]:
    """Give the steps that take up a run's parked batches; none when it has none.

    Raises `UnknownNameError`.
    """
    policy = parts.policies.runs
    batches = parts.runs.retry(
        tenant, run_id, in_flight=policy.max_batches_in_flight, lease_s=policy.lease_s
    )
    for ref in batches:
        batch = parts.runs.open(ref, lease_s=policy.lease_s)
        if batch is not None:
            return resume(parts, batch.run, batches)
    return ()
