"""What a trace says of a step: which run and batch it belongs to, and whom it asks."""

from enrich.domain.run import Step
from enrich.ports.tracing import Fact

__all__ = ["facts_of"]


def facts_of(step: Step, provider: str = "") -> dict[str, Fact]:
    """Name a step by table, run, batch and phase; never by a row."""
    ref = step.batch
    facts: dict[str, Fact] = {
        "enrich.tenant": step.tenant,
        "enrich.table": step.table,
        "enrich.run": ref.run_id,
        "enrich.batch": ref.number,
        "enrich.attempt": ref.attempt,
        "enrich.phase": ref.phase.value,
        "enrich.wave": ref.wave,
    }
    return facts | ({"enrich.provider": provider} if provider else {})
