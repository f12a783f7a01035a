"""Ask one provider about many rows, with all that stands around the call.

    row cache ► singleflight lease ► cache again ► reserve (what is paid for)
              ► (permit ► rate ► budget ► call) ► keep ► release

The inner part is `enrich.engine.call`, what is paid for `enrich.engine.paid`, the cache
`enrich.engine.answers`. Each arrow is one round trip for all rows.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

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
from enrich.domain.waterfall import keys_of
from enrich.engine.answers import Answers, Known
from enrich.engine.call import Said
from enrich.engine.paid import make_calls
from enrich.engine.parts import Parts
from enrich.engine.recording import forget_asked
from enrich.ports import CacheHit, Claim, Deadline, Provider

__all__ = ["Asked", "ask"]

log = logging.getLogger("enrich.engine")

#: A lease counts as lost before it is: our clock started after the server's.
_LEASE_TRUSTED = 0.9


def ask(
    parts: Parts,
    batch: OpenBatch,
    provider: Provider,
    queries: Sequence[Query],
    *,
    is_looked_up: bool = False,
) -> tuple[Response, ...]:
    """Ask about each query; give one response each, in their order.

    Rows of one batch that have the same inputs share one call; only the first of them bears its
    cost. Of a wave that was begun (`is_looked_up`) the cache is asked under the leases alone; where
    there are none, as ever.
    """
    asked = Asked.of(batch, provider, queries)
    asking = _Asking(parts, batch.run, provider, is_looked_up=is_looked_up)
    return asked.told(parts, asking.all(asked.questions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one provider is asked about a batch: the name of each query's question."""

    batch: OpenBatch
    provider: Provider
    queries: Sequence[Query]
    names: Sequence[str]
    questions: Mapping[str, Query]

    @staticmethod
    def of(batch: OpenBatch, provider: Provider, queries: Sequence[Query]) -> "Asked":
        """Name the questions; the first query of several with the same inputs speaks for all."""
        names = keys_of(batch.run, provider.spec, queries)
        questions: dict[str, Query] = {}
        for name, query in zip(names, queries, strict=True):
            questions.setdefault(name, query)
        return Asked(
            batch=batch, provider=provider, queries=queries, names=names, questions=questions
        )

    def known(self, parts: Parts, hits: Mapping[str, CacheHit]) -> tuple[Response, ...]:
        """Give the responses to those queries that the cache was found to answer."""
        run = self.batch.run
        asking = _Asking(parts, run, self.provider)
        return self.told(parts, asking.known(self.questions, hits))

    def told(self, parts: Parts, said: Mapping[str, Said]) -> tuple[Response, ...]:
        """Give a response for each query whose question was answered, in their order; counted."""
        responses = tuple(
            [
                self._response(name, query, answer)
                for name, query in zip(self.names, self.queries, strict=True)
                if (answer := said.get(name))
            ]
        )
        _count(parts, self.batch.run, self.provider, responses)
        return responses

    def _response(self, name: str, query: Query, said: Said) -> Response:
        spec, ref = self.provider.spec, self.batch.ref
        shared = self.questions[name] is not query
        return Response(
            row=query.row,
            provider=spec.name,
            provider_version=spec.version,
            input_key=name,
            outcome=said.outcome,
            cost_microcredits=0 if shared else said.cost_microcredits,
            latency_s=said.latency_s,
            calls=0 if shared else said.calls,
            observed_at=said.observed_at,
            from_cache=said.from_cache,
            coalesced=said.coalesced or shared,
            stale=said.stale,
            batch=ref.number,
            attempt=ref.attempt,
        )


@dataclass(frozen=True, slots=True)
class _Asking:
    """The questions of one probe on their way through cache and leases."""

    parts: Parts
    run: RunView
    provider: Provider
    is_looked_up: bool = False

    @property
    def _answers(self) -> Answers:
        return Answers(self.parts, self.run, self.provider)

    def all(self, questions: Mapping[str, Query]) -> dict[str, Said]:
        """Answer every question, from wherever the answer comes."""
        deadline = self._deadline()
        said: Mapping[str, Said] = {}
        if not (self.is_looked_up and self._has_leases):
            known = self._answers.known(questions, force=self.run.options.force)
            said = self._used(known, questions)
        missing = {name: query for name, query in questions.items() if name not in said}
        fresh = self._asked(missing, deadline) if missing else {}
        return {**said, **self._answers.in_place_of(fresh)}

    def known(
        self, questions: Mapping[str, Query], hits: Mapping[str, CacheHit]
    ) -> Mapping[str, Said]:
        """Answer the questions that were found in the cache."""
        force = self.run.options.force
        return self._used(self._answers.among(hits, questions, force=force), questions)

    def _used(self, known: Known, questions: Mapping[str, Query]) -> Mapping[str, Said]:
        if known.due:
            self._refresh_later({name: questions[name] for name in known.due})
        return known.said

    @property
    def _has_leases(self) -> bool:
        return self.parts.policies.singleflight.enabled

    def _asked(self, questions: Mapping[str, Query], deadline: Deadline) -> dict[str, Said]:
        if self._has_leases:
            return self._led_or_waited(questions, deadline)
        said = make_calls(self.parts, self.run, self.provider, questions, deadline)
        self._answers.keep(said, said)
        return said

    def _led_or_waited(self, questions: Mapping[str, Query], deadline: Deadline) -> dict[str, Said]:
        led, held = self._led(questions, deadline, force=self.run.options.force)
        waited = {name: questions[name] for name in sorted(held)}
        # Used only now: who asks anew takes the leases that were released.
        return {**self._used(led, questions), **self._waited(waited, deadline)}

    def _led(
        self, questions: Mapping[str, Query], deadline: Deadline, *, force: Force
    ) -> tuple[Known, frozenset[str]]:
        """Answer what we may lead, all of it released; give the names that others lead."""
        lease_s = self.parts.policies.singleflight.lease_s
        trusted_until_s = self.parts.clock.monotonic_s() + lease_s * _LEASE_TRUSTED
        claim = self.parts.leases.claim(self.run.tenant, tuple(questions), lease_s=lease_s)
        led = {name: query for name, query in questions.items() if name in claim.led}
        said: dict[str, Said] = {}
        try:
            # Looked up again: another leader may have filled it before we took the lease.
            known = self._answers.known(led, force=force)
            said |= known.said
            left = {name: query for name, query in led.items() if name not in said}
            if left:
                said |= make_calls(self.parts, self.run, self.provider, left, deadline)
            if self.parts.clock.monotonic_s() < trusted_until_s:
                self._answers.keep(said, left)
            else:
                # Somebody else leads by now, and what it keeps is newer than ours.
                self.parts.recorder.count("leases_outlived", len(left))
        finally:
            # Whatever happened: nobody waits for a leader that has gone.
            self._release(claim, said)
        return Known(said=said, due=known.due), claim.held

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
        return "" if self._answers.is_kept(said) else _encoded(said.outcome)

    def _waited(self, questions: Mapping[str, Query], deadline: Deadline) -> dict[str, Said]:
        """Wait for other workers' calls; what is not there in time is put back, not failed."""
        if not questions:
            return {}
        patience_s = min(
            deadline.left_s(self.parts.clock), self.parts.policies.singleflight.timeout_s
        )
        ended = self.parts.leases.wait(self.run.tenant, tuple(questions), timeout_s=patience_s)
        found = self._answers.known({n: questions[n] for n in ended}, force=Force.NONE).said
        now = self.parts.clock.now()
        later = Said(outcome=Pending(now + timedelta(seconds=1)), observed_at=now)
        said = {}
        for name in questions:
            known = found.get(name) or _shared_error(ended.get(name, ""), now) or later
            said[name] = replace(known, coalesced=True)
        return said

    def _refresh_later(self, questions: Mapping[str, Query]) -> None:
        """Ask anew behind the reader's back; whoever else is at it already is left to it."""
        asked_anew = partial(self._refreshed, questions, self._deadline())
        future = self.parts.calls.submit(self.parts.tracer.bound(asked_anew))
        future.add_done_callback(_log_failure)
        self.parts.recorder.count("cache_refreshes", len(questions))

    def _refreshed(self, questions: Mapping[str, Query], deadline: Deadline) -> None:
        try:
            self._led(questions, deadline, force=Force.RESPONSES)
        finally:
            # Nobody records it: who erased a row meanwhile knows nothing of what was just kept.
            asked = {(query.row, name) for name, query in questions.items()}
            forget_asked(self.parts, self.run, asked)

    def _deadline(self) -> Deadline:
        clock = self.parts.clock
        return Deadline(clock.monotonic_s() + self.parts.policies.probes.timeout_s)


def _log_failure(future: Future[Any]) -> None:
    error = future.exception()
    if error is not None:
        log.error("refresh.failed", exc_info=error)


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
