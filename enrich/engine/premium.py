"""Ask the premium providers, the cheapest first, only about cells that are still unresolved."""

from dataclasses import replace

from enrich.domain.endings import with_accepted
from enrich.domain.provider import Tier
from enrich.domain.run import OpenBatch, Step, StepKind
from enrich.domain.waterfall import questions_for, waterfall_order
from enrich.engine.ask import ask
from enrich.engine.parts import Parts

__all__ = ["premium"]


def premium(parts: Parts, step: Step) -> tuple[Step, ...]:
    """Ask premium providers one after the other; give the fuse step that is due then.

    After each one the cells that its answers settled are no longer asked about.
    """
    batch = parts.runs.open(step.batch, lease_s=parts.policies.runs.lease_s)
    if batch is None:
        parts.recorder.count("steps_stale", labels={"step": "premium"})
        return ()
    for spec in waterfall_order(parts.specs):
        if spec.tier is Tier.PREMIUM:
            batch = _ask_next(parts, batch, spec.name)
    return (replace(step, kind=StepKind.FUSE, providers=()),)


def _ask_next(parts: Parts, batch: OpenBatch, name: str) -> OpenBatch:
    provider = parts.provider(name)
    fusion = parts.policies.fusion_for(batch.run.options)
    settled, _ = with_accepted(batch, {spec.name: spec for spec in parts.specs}, fusion=fusion)
    queries = questions_for(settled, provider.spec)
    if not queries:
        return batch
    said = ask(parts, batch, provider, queries)
    parts.runs.record(batch.ref, said)
    return replace(batch, responses=batch.responses + tuple(said))
