"""Ask the premium providers, the cheapest first, only about cells that are still unresolved."""

from dataclasses import replace

from enrich.domain.advance import waiting_rows
from enrich.domain.cell_ends import with_accepted
from enrich.domain.provider import ProviderSpec, Query, Tier
from enrich.domain.run import OpenBatch, Step, StepKind
from enrich.domain.waterfall import questions_for, waterfall_order
from enrich.engine.ask import ask
from enrich.engine.parts import Parts
from enrich.engine.recording import record
from enrich.engine.stale import note_stale

__all__ = ["premium"]


def premium(parts: Parts, step: Step) -> tuple[Step, ...]:
    """Ask premium providers one after the other; give the fuse step that is due then.

    After each one the cells that its answers settled are no longer asked about. Rows that wait for
    a cheaper provider are left to it.
    """
    for spec in waterfall_order(parts.specs):
        if spec.tier is not Tier.PREMIUM:
            continue
        # Opened before each: the lease lasts for one of them, and a cancelled run spends no more.
        batch = parts.runs.open(step.batch, lease_s=parts.policies.runs.lease_s)
        if batch is None:
            note_stale(parts, step.batch, "premium")
            return ()
        if queries := _questions(parts, batch, spec):
            said = ask(parts, batch, parts.provider(spec.name), queries)
            record(parts, batch.run, batch.ref, said)
    return (replace(step, kind=StepKind.FUSE, providers=()),)


def _questions(parts: Parts, batch: OpenBatch, spec: ProviderSpec) -> tuple[Query, ...]:
    specs = {spec.name: spec for spec in parts.of(batch.run.columns).specs}
    fusion = parts.fusion_of(batch.run)
    settled, _ = with_accepted(batch, specs, fusion=fusion)
    waiting = waiting_rows(settled, specs, runs=parts.policies.runs, now=parts.clock.now())
    return questions_for(settled, spec, waiting=waiting)
