"""Ask one provider about many rows, with all that stands around the call.

    row cache ► singleflight lease ► cache again ► (permit ► rate ► budget ► call) ► keep ► release

The inner part is `enrich.engine.call`. Each arrow is one round trip for all rows.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enrich.domain.caching import keeping_of
from enrich.domain.metrics import CACHE_HITS, CACHE_MISSES, COALESCED
from enrich.domain.outcome import (
    Outcome,
    Pending,
    Unavailable,
    outcome_from_json,
    outcome_to_json,
)
from enrich.domain.provider import Query
from enrich.domain.run import Force, OpenBatch, Response, RunView
from enrich.domain.values import Json
from enrich.domain.waterfall import key_of
from enrich.engine.call import Said, make_calls
from enrich.engine.parts import Parts
from enrich.ports import CacheEntry, CacheHit, Claim, Deadline, Provider

__all__ = ["ask"]


def ask(
    parts: Parts, batch: OpenBatch, provider: Provider, queries: Sequence[Query]
) -> tuple[Response, ...]:
    """Ask about each query; give one response each, in their order.

    Rows of one batch that have the same inputs share one call; only the first of them bears its
    cost.
    """
    run = batch.run
    deadline = Deadline(parts.clock.monotonic_s() + parts.policies.probes.timeout_s)
    names = [key_of(run, provider.spec, query) for query in queries]
    questions: dict[str, Query] = {}
    for name, query in zip(names, queries, strict=True):
        questions.setdefault(name, query)
    said = _Asking(parts, run, provider, deadline).all(questions)
    first = {name: query.row for name, query in questions.items()}
    responses = tuple(
        replace(
            _response(provider, query, name, said[name], shared=first[name] != query.row),
            batch=batch.ref.number,
            attempt=batch.ref.attempt,
        )
        for name, query in zip(names, queries, strict=True)
    )
    _count(parts, run, provider, responses)
    return responses


@dataclass(frozen=True, slots=True)
class _Asking:
    """The questions of one probe on their way through cache and leases."""

    parts: Parts
    run: RunView
    provider: Provider
    deadline: Deadline

    def all(self, questions: Mapping[str, Query]) -> dict[str, Said]:
        """Answer every question, from wherever the answer comes."""
        said = self._cached(tuple(questions), force=self.run.options.force)
        missing = {name: query for name, query in questions.items() if name not in said}
        if not missing:
            return said
        if not self.parts.policies.singleflight.enabled:
            return said | self._fresh(missing)
        return said | self._led_or_waited(missing)

    def _led_or_waited(self, questions: Mapping[str, Query]) -> dict[str, Said]:
        leases, tenant = self.parts.leases, self.run.tenant
        lease_s = self.parts.policies.singleflight.lease_s
        claim = leases.claim(tenant, tuple(questions), lease_s=lease_s)
        led = {name: query for name, query in questions.items() if name in claim.led}
        said: dict[str, Said] = {}
        try:
            said = self._lead(led)
        finally:
            # Whatever happened: nobody waits for a leader that has gone.
            self._release(claim, said)
        return said | self._waited(tuple(sorted(claim.held)))

    def _lead(self, led: Mapping[str, Query]) -> dict[str, Said]:
        if not led:
            return {}
        # Looked up again: another leader may have filled it before we took the lease.
        said = self._cached(tuple(led), force=self.run.options.force)
        return said | self._fresh({n: q for n, q in led.items() if n not in said})

    def _release(self, claim: Claim, said: Mapping[str, Said]) -> None:
        """Let go of the leases, each with the outcome that its waiters cannot find in the cache."""
        groups: dict[str, dict[str, int]] = {}
        for name, fence in claim.led.items():
            groups.setdefault(self._error_of(said.get(name)), {})[name] = fence
        for error, led in sorted(groups.items()):
            share = replace(claim, led=led, held=frozenset())
            self.parts.leases.release(self.run.tenant, share, error=error)

    def _error_of(self, said: Said | None) -> str:
        if said is None:
            return _encoded(Unavailable("the call that was waited for broke off"))
        keeping = keeping_of(said.outcome, self.provider.spec, self.parts.policies.cache)
        return "" if keeping else _encoded(said.outcome)

    def _waited(self, names: tuple[str, ...]) -> dict[str, Said]:
        """Wait for other workers' calls; what is not there in time is put back, not failed."""
        if not names:
            return {}
        patience_s = min(
            self.deadline.left_s(self.parts.clock), self.parts.policies.singleflight.timeout_s
        )
        ended = self.parts.leases.wait(self.run.tenant, names, timeout_s=patience_s)
        found = self._cached(tuple(ended), force=Force.NONE)
        now = self.parts.clock.now()
        later = Said(outcome=Pending(now + timedelta(seconds=1)), observed_at=now)
        said = {}
        for name in names:
            known = found.get(name) or _shared_error(ended.get(name, ""), now) or later
            said[name] = replace(known, coalesced=True)
        return said

    def _cached(self, names: tuple[str, ...], *, force: Force) -> dict[str, Said]:
        if force is Force.RESPONSES or not self.parts.policies.cache.enabled or not names:
            return {}
        hits = self.parts.responses.get_many(self.run.tenant, names)
        readable = {name: said for name, hit in hits.items() if (said := _said_by(hit))}
        if force is Force.NEGATIVES:
            return {n: s for n, s in readable.items() if not hits[n].negative}
        return readable

    def _fresh(self, questions: Mapping[str, Query]) -> dict[str, Said]:
        if not questions:
            return {}
        said = make_calls(self.parts, self.run, self.provider, questions, self.deadline)
        entries = {n: entry for n, s in said.items() if (entry := self._entry(s))}
        if entries and self.parts.policies.cache.enabled:
            self.parts.responses.put_many(self.run.tenant, entries)
        return said

    def _entry(self, said: Said) -> CacheEntry | None:
        keeping = keeping_of(said.outcome, self.provider.spec, self.parts.policies.cache)
        if keeping is None:
            return None
        payload: Json = {
            "outcome": outcome_to_json(said.outcome),
            "observed_at": said.observed_at.isoformat(),
        }
        return CacheEntry(
            payload=payload,
            ttl_s=keeping.ttl_s,
            negative=keeping.negative,
            reason=keeping.reason,
            took_s=said.latency_s,
        )


def _encoded(outcome: Outcome) -> str:
    return json.dumps(outcome_to_json(outcome), sort_keys=True)


def _shared_error(error: str, now: datetime) -> Said | None:
    if not error:
        return None
    try:
        outcome = outcome_from_json(json.loads(error))
    except (ValueError, KeyError, TypeError):
        outcome = Unavailable("the call that was waited for failed")
    return Said(outcome=outcome, observed_at=now)


def _said_by(hit: CacheHit) -> Said | None:
    """Read a cached answer; one that we cannot read is as good as none."""
    payload = hit.payload
    try:
        if not isinstance(payload, dict) or not isinstance(payload["outcome"], dict):
            return None
        return Said(
            outcome=outcome_from_json(payload["outcome"]),
            observed_at=datetime.fromisoformat(str(payload["observed_at"])),
            from_cache=True,
        )
    except (ValueError, KeyError, TypeError):
        return None


def _response(provider: Provider, query: Query, name: str, said: Said, *, shared: bool) -> Response:
    spec = provider.spec
    return Response(
        row=query.row,
        provider=spec.name,
        provider_version=spec.version,
        input_key=name,
        outcome=said.outcome,
        cost_microcredits=0 if shared else said.cost_microcredits,
        latency_s=said.latency_s,
        observed_at=said.observed_at,
        from_cache=said.from_cache,
        coalesced=said.coalesced or shared,
    )


def _count(parts: Parts, run: RunView, provider: Provider, responses: Sequence[Response]) -> None:
    """Count the look-ups of a probe: one step of each series, however many rows."""
    spec = provider.spec
    asked = Counter((r.outcome.kind, r.from_cache, r.coalesced) for r in responses)
    for (kind, from_cache, coalesced), amount in asked.items():
        labels = {
            "provider": spec.name,
            "tier": spec.tier.value,
            "tenant": run.tenant,
            "outcome": kind.value,
        }
        parts.recorder.count(CACHE_HITS if from_cache else CACHE_MISSES, amount, labels)
        if coalesced:
            parts.recorder.count(COALESCED, amount, labels)
