"""Begin a wave of a batch: from the cache alone where it knows all, else by its probes.

What is known is carried through here, without a message for each provider: one look-up for all of
them, and their answers are written down with the cells. Where somebody has still to be asked, the
answers that are known go into the ledger, and the probes ask about the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from enrich.domain.run import Force, OpenBatch, Step
from enrich.domain.waterfall import Asking
from enrich.engine.ask import Asked
from enrich.engine.fuse import Fusion, join
from enrich.engine.parts import Parts
from enrich.engine.probe import queries_of
from enrich.engine.recording import record
from enrich.engine.stale import note_stale
from enrich.ports import CacheHit

__all__ = ["begin_wave"]

#: So many rows are looked up first: where none of them is known, the rest is left to the probes.
_SAMPLED = 8


def begin_wave(parts: Parts, step: Step) -> Fusion:
    """Fuse a wave that the cache knows all about; else give the step of its probes.

    A second call does no more than a second fusion would, or gives the same probes again.
    """
    policies = parts.policies
    batch = parts.runs.open(step.batch, lease_s=policies.runs.lease_s)
    if batch is None:
        note_stale(parts, step.batch, "begin")
        # Whoever ended the run may have died before saying so: it is said again and harms nobody.
        return Fusion(finished=parts.runs.ended(step.batch.run_id))
    probes = Fusion(steps=(replace(step, is_begun=True),))
    if not policies.cache.enabled or batch.run.options.force is Force.RESPONSES:
        return probes
    known = parts.of(batch.run.columns).providers
    if any(name not in known for name in step.providers):
        # Another worker may know it; where none does, its probe says so and the others go on.
        return probes
    tenant = batch.run.tenant
    sampled = _looked_up(parts, tenant, _asked(parts, _sample_of(batch), step), {})
    if not sampled:
        return probes
    asked = _asked(parts, batch, step)
    hits = _looked_up(parts, tenant, asked, sampled)
    said = tuple([response for one in asked for response in one.known(parts, hits)])
    if len(said) == sum(len(one.queries) for one in asked):
        return join(parts, batch, told=said).fusion
    if said:
        record(parts, batch.run, step.batch, said)
    return probes


def _sample_of(batch: OpenBatch) -> OpenBatch:
    every = -(-len(batch.rows) // _SAMPLED) or 1
    return replace(batch, rows=batch.rows[::every])


def _asked(parts: Parts, batch: OpenBatch, step: Step) -> Sequence[Asked]:
    own = parts.of(batch.run.columns)
    providers = [own.provider(name) for name in step.providers]
    asking = Asking(batch.run)
    return [
        Asked.of(batch, one, queries_of(own, batch, step, one, asking=asking)) for one in providers
    ]


def _looked_up(
    parts: Parts, tenant: str, asked: Iterable[Asked], known: Mapping[str, CacheHit]
) -> Mapping[str, CacheHit]:
    """Look up in one go what all providers are asked and is not `known` yet."""
    names = [name for one in asked for name in one.questions if name not in known]
    return {**known, **parts.responses.get_many(tenant, names)} if names else known
