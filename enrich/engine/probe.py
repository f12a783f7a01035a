"""Ask one provider about a batch, and write down what it said."""

from collections.abc import Collection

from enrich.domain.advance import waiting_rows
from enrich.domain.provider import Query
from enrich.domain.run import OpenBatch, Order, Response, Step
from enrich.domain.waterfall import Asking, questions_for
from enrich.engine.ask import ask
from enrich.engine.parts import Parts
from enrich.engine.recording import record
from enrich.engine.stale import note_stale
from enrich.ports import Provider

__all__ = ["answers_of", "probe", "queries_of"]


def probe(parts: Parts, step: Step, provider: str) -> int:
    """Ask a provider all that a batch has to ask it; give the number of new responses.

    A batch that has moved on, was cancelled or belongs to a newer attempt is left alone. What the
    provider said lies in the ledger when this returns.
    """
    batch = parts.runs.open(
        step.batch,
        lease_s=parts.policies.runs.lease_s,
        # Who is asked beside others needs its own answers only; alone it may have to wait for them.
        provider=provider if len(step.providers) > 1 else None,
    )
    if batch is None:
        note_stale(parts, step.batch, "probe")
        return 0
    if said := answers_of(parts, batch, step, provider):
        return record(parts, batch.run, step.batch, said)
    return 0


def answers_of(parts: Parts, batch: OpenBatch, step: Step, provider: str) -> tuple[Response, ...]:
    """Ask a provider all that a batch has to ask it; what it says is not written down yet."""
    parts = parts.of(batch.run.columns)
    asked = parts.provider(provider)
    queries = queries_of(parts, batch, step, asked)
    return ask(parts, batch, asked, queries, is_looked_up=step.is_begun) if queries else ()


def queries_of(
    parts: Parts,
    batch: OpenBatch,
    step: Step,
    provider: Provider,
    *,
    asking: Asking | None = None,
) -> tuple[Query, ...]:
    """List what a step has to ask a provider about its batch; `asking` is shared with others."""
    name = provider.spec.name
    waiting = _left_to_others(parts, batch, name)
    queries = questions_for(batch, provider.spec, waiting=waiting, asking=asking)
    if name in step.asks:
        chosen = frozenset(step.asks[name])
        return tuple(query for query in queries if query.row in chosen)
    return queries


def _left_to_others(parts: Parts, batch: OpenBatch, provider: str) -> Collection[int]:
    """Name the rows that the sequential waterfall leaves to somebody asked before, who is late."""
    if batch.run.options.order is not Order.SEQUENTIAL:
        return ()
    others = {spec.name: spec for spec in parts.specs if spec.name != provider}
    return waiting_rows(batch, others, runs=parts.policies.runs, now=parts.clock.now())
