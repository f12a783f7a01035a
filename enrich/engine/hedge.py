"""Ask a second time what takes longer than it should, and take the answer that comes first.

A call that is not back when 95 of 100 lately were is most likely stuck; the same question asked
anew is most likely not. It is done only for providers whose file allows it: what they answer is
free, or both calls bear one key by which it is billed once. So a second call is never a second
price, and both are counted where calls are counted: a start at the governor, a permit of the
breaker, two calls in the ledger. Without a start that is free at once, or a permit, there is no
second call.

Whichever answers well first is taken. The other cannot be called back; it ends by its deadline, and
what came of it is still told to the breaker and the timings.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace

from enrich.domain.calls import CallReport, Permit, reports_by_key
from enrich.domain.keys import breaker_key
from enrich.domain.metrics import PROVIDER_CALL
from enrich.domain.outcome import Malformed, OutcomeKind
from enrich.domain.provider import Answer, ProviderSpec, Query, charged, one_call
from enrich.domain.values import credits_of
from enrich.engine.hedges import Answers
from enrich.engine.parts import Parts
from enrich.engine.rates import rate_of
from enrich.ports import Deadline, Provider
from enrich.ports.tracing import NO_TRACES, Fact

__all__ = ["asked"]

log = logging.getLogger("enrich.engine")

#: Answers about the row: no second opinion is needed.
_GOOD = frozenset(
    {
        OutcomeKind.FOUND,
        OutcomeKind.NOT_FOUND,
        OutcomeKind.INVALID_INPUT,
        OutcomeKind.LEGAL_BLOCK,
    }
)


def asked(
    parts: Parts, provider: Provider, queries: Sequence[Query], deadline: Deadline
) -> Answers:
    """Make a call, and a second one where that is due and allowed; give one answer a query.

    A provider promises never to raise: what it raises is a bug in it, malformed for these rows.
    """
    call = _Call(parts, provider, queries, deadline)
    share = parts.policies.probes.hedge_share
    if not share or not provider.spec.hedge or any(query.token for query in queries):
        return call.made()
    after_s = parts.hedges.begin(provider.spec.name, share)
    own = parts.tracer.bound(call.timed)
    first = parts.hedges.submit(own) if after_s is not None else None
    return call.timed() if first is None else _Race(call, first, after_s or 0.0).answers()


@dataclass(frozen=True, slots=True)
class _Call:
    """One question to a provider, to be asked once or twice."""

    parts: Parts
    provider: Provider
    queries: Sequence[Query]
    deadline: Deadline

    def made(self) -> Answers:
        """Make the call."""
        spec = self.provider.spec
        if self.parts.tracer is NO_TRACES:
            return self._answers()
        facts: dict[str, Fact] = {"enrich.provider": spec.name, "enrich.tier": spec.tier.value}
        with self.parts.tracer.span(f"ask {spec.name}", facts, kind="client") as span:
            answers = self._answers()
            span.set(_facts_of(spec, answers))
        return answers

    def _answers(self) -> Answers:
        try:
            answers = self.provider.ask(self.queries, self.deadline)
        except Exception:
            log.exception("provider.broke", extra={"provider": self.provider.spec.name})
            answers = ()
        if len(answers) == len(self.queries):
            return answers
        failed = Answer(outcome=Malformed("the provider's code failed"))
        return one_call(failed for _ in self.queries)

    def timed(self) -> Answers:
        """Make the call; if the answer is good, remember how long such answers take."""
        answers = self.made()
        if _is_good(answers):
            self.parts.hedges.note(self.provider.spec.name, answers[0].latency_s)
        return answers


class _Race:
    """A call under way, and perhaps a second one that began `after_s` later."""

    def __init__(self, call: _Call, first: "Future[Answers]", after_s: float) -> None:
        self._call, self._first, self._after_s = call, first, after_s
        self._parts, self._spec = call.parts, call.provider.spec
        self._key = breaker_key(self._spec.gate)
        self._started_s = self._parts.clock.monotonic_s()

    def answers(self) -> Answers:
        if wait([self._first], timeout=self._after_s).done:
            return self._first.result()
        permit = self._permit()
        if permit is None:
            return self._first.result()
        second = self._parts.hedges.submit(self._parts.tracer.bound(self._call.timed))
        if second is None:
            self._forgo(permit)
            return self._first.result()
        won = _first_good(self._first, second)
        lost = second if won is self._first else self._first
        labels = {"provider": self._spec.name, "won": str(won is second).lower()}
        self._parts.recorder.count("hedges", labels=labels)
        answers = self._taken(won.result(), lost)
        lost.add_done_callback(lambda ended: self._settle(permit, ended.result()))
        return answers

    def _permit(self) -> Permit | None:
        """Get leave for a second call, here, at the breaker and at the governor; None without."""
        if not self._parts.hedges.spend(self._spec.name):
            return None
        permit = self._parts.breakers.acquire(self._key)
        if permit.granted and self._has_start():
            return permit
        self._forgo(permit)
        return None

    def _forgo(self, permit: Permit) -> None:
        """Give back the leave for a second call that is not made."""
        if permit.granted:
            self._parts.breakers.report(self._key, permit, CallReport())
        self._parts.hedges.give_back(self._spec.name)

    def _has_start(self) -> bool:
        if not self._spec.limits:
            return True
        tenant = self._call.queries[0].tenant
        key, limits = rate_of(self._call.provider, tenant)
        slots = self._parts.governor.reserve(
            key, want=1, max_delay_s=0.0, tenant=tenant, limits=limits
        )
        return bool(slots.delays_s)

    def _taken(self, answers: Answers, lost: "Future[Answers]") -> Answers:
        """Give the answers as those of one question: both calls, one price, all of the time."""
        took_s = self._parts.clock.monotonic_s() - self._started_s
        # What is still under way has left: it is counted, whatever becomes of it.
        calls = sum(each.calls for each in lost.result()) if lost.done() else 1
        calls += sum(each.calls for each in answers)
        # Which of the two was billed does not matter: the rule's price is taken once.
        is_paid = self._spec.is_paid
        own = (replace(a, cost_microcredits=None) if is_paid else a for a in answers)
        return one_call([replace(a, latency_s=took_s) for a in own], calls=calls)

    def _settle(self, permit: Permit, answers: Answers) -> None:
        """Tell what came of the call whose answer was not taken, in the thread where it ended."""
        answer = answers[0]
        slow_s = self._parts.policies.probes.timeout_s
        # Nothing about a key: that is learned from the answers that are taken.
        report, _ = reports_by_key([(answer.outcome, answer.latency_s)], slow_s=slow_s)
        self._parts.breakers.report(self._key, permit, report)
        labels = {"provider": self._spec.name}
        self._parts.recorder.observe(PROVIDER_CALL, answer.latency_s, labels)


def _facts_of(spec: ProviderSpec, answers: Answers) -> dict[str, Fact]:
    """Tell a trace what came of a call: how it ended for how many rows, and what it cost."""
    ends = Counter(answer.outcome.kind.value for answer in answers)
    return {
        "enrich.rows": len(answers),
        "enrich.outcome": ", ".join(
            kind if len(answers) == 1 else f"{kind} {rows}" for kind, rows in sorted(ends.items())
        ),
        "enrich.cost_credits": credits_of(sum(charged(spec, answer) for answer in answers)),
        "enrich.requests": sum(answer.calls for answer in answers),
    }


def _is_good(answers: Answers) -> bool:
    return all(answer.outcome.kind in _GOOD for answer in answers)


def _first_good(first: "Future[Answers]", second: "Future[Answers]") -> "Future[Answers]":
    """Wait for a good answer of either; the first one's where both fail."""
    left = {first, second}
    while left:
        done, left = wait(left, return_when=FIRST_COMPLETED)
        for each in (first, second):
            if each in done and _is_good(each.result()):
                return each
    return first
