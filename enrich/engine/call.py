"""Make the calls to a provider: leave, rate and money first, the books afterwards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from enrich.domain.calls import CallReport, Permit, Refusal, report_of, reports_by_key
from enrich.domain.keys import breaker_key
from enrich.domain.metrics import PROVIDER_CALL
from enrich.domain.outcome import (
    BREAKER,
    LATE,
    OUT_OF_TIME,
    Found,
    Malformed,
    Outcome,
    Pending,
    RateLimited,
    Skipped,
)
from enrich.domain.provider import Answer, Query, call_sizes, charged
from enrich.domain.rate import Kind
from enrich.domain.run import RunView
from enrich.domain.values import is_storable
from enrich.engine.pace import Starts, ask_paced
from enrich.engine.parts import Parts
from enrich.engine.rates import rate_of
from enrich.engine.spend import Purse
from enrich.ports import Deadline, Keyed, Provider

__all__ = ["Said", "make_calls", "taken"]

#: Share of the time left within which a call may be booked; the rest is for its answer.
_BOOKABLE = 0.8
#: How soon to come back while others try a provider out.
_TRIAL = timedelta(seconds=1)


# Not frozen, as other values that come by the million: see `Observation`.
@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Said:
    """An answer on its way into the ledger."""

    outcome: Outcome
    observed_at: datetime
    cost_microcredits: int = 0
    latency_s: float = 0.0
    calls: int = 0
    from_cache: bool = False
    coalesced: bool = False
    stale: bool = False


def make_calls(
    parts: Parts,
    run: RunView,
    provider: Provider,
    questions: Mapping[str, Query],
    deadline: Deadline,
    *,
    holder: str = "",
) -> dict[str, Said]:
    """Ask a provider as many of the questions as may be asked now; say of the rest why not.

    `holder` names the money that is put aside for them, when they were reserved under a name.
    """
    calling = _Calling(parts, run, provider, deadline, holder)
    return calling.all(questions)


@dataclass(frozen=True, slots=True)
class _Calling:
    """The calls of one probe to one provider."""

    parts: Parts
    run: RunView
    provider: Provider
    deadline: Deadline
    holder: str

    def all(self, questions: Mapping[str, Query]) -> dict[str, Said]:
        """Ask as the credential's breaker and the provider's let us."""
        names = tuple(questions)
        own = self._credential_key()
        if own is None:
            return self._with_leave(questions, [], is_keyed=False)
        permit = self.parts.breakers.acquire(own, want=len(names))
        answers: list[Answer] = []
        said = self._all_as(names[permit.granted :], self._refusal(permit))
        try:
            allowed = {name: questions[name] for name in names[: permit.granted]}
            return said | (self._with_leave(allowed, answers, is_keyed=True) if allowed else {})
        finally:
            if permit.granted:
                self.parts.breakers.report(own, permit, self._reports(answers, is_keyed=True)[1])

    def _with_leave(
        self, questions: Mapping[str, Query], answers: list[Answer], *, is_keyed: bool
    ) -> dict[str, Said]:
        """Ask as the provider's breaker lets us. Answers are added to `answers` as they come."""
        key = breaker_key(self.provider.spec.gate)
        permit = self.parts.breakers.acquire(key, want=len(questions))
        names = tuple(questions)
        allowed, refused = names[: permit.granted], names[permit.granted :]
        said = self._all_as(refused, self._refusal(permit))
        try:
            if allowed:
                said |= self._allowed({n: questions[n] for n in allowed}, answers)
        finally:
            # Reported whatever happened: calls that were not made give their permits back.
            if permit.granted:
                of_provider, _ = self._reports(answers, is_keyed=is_keyed)
                self.parts.breakers.report(key, permit, of_provider)
        return said

    def _credential_key(self) -> str | None:
        """Name the breaker of what this tenant asks with; None when it asks with nothing."""
        asked = self.provider
        number = asked.credential_id(self.run.tenant) if isinstance(asked, Keyed) else ""
        return breaker_key(asked.spec.gate, number) if number else None

    def _reports(
        self, answers: Sequence[Answer], *, is_keyed: bool
    ) -> tuple[CallReport, CallReport]:
        """Sum up for the provider's breaker and the credential's; without one, all in the first."""
        told = [(answer.outcome, answer.latency_s) for answer in answers]
        slow_s = self.parts.policies.probes.timeout_s
        if is_keyed:
            return reports_by_key(told, slow_s=slow_s)
        return report_of(told, slow_s=slow_s), CallReport()

    def _allowed(self, questions: Mapping[str, Query], answers: list[Answer]) -> dict[str, Said]:
        """Ask what the rate and the purse allow. Answers are added to `answers` as they come."""
        # Those of one job stand together: they travel together.
        names = sorted(questions, key=lambda name: questions[name].job)
        sizes = call_sizes(self.provider.spec, [questions[name] for name in names])
        starts_s, later = self._booked(len(sizes))
        booked = sum(sizes[: len(starts_s)])
        said = self._all_as(names[booked:], later)
        purse = Purse(self.parts, self.run, self.provider.spec, holder=self.holder)
        asked = {name: questions[name] for name in names[:booked]}
        try:
            return said | self._in_rounds(asked, list(starts_s), purse, answers)
        finally:
            purse.close()

    def _in_rounds(
        self,
        questions: Mapping[str, Query],
        starts_s: list[float],
        purse: Purse,
        answers: list[Answer],
    ) -> dict[str, Said]:
        """Ask as many as the purse has money for; then the next, with what those did not cost."""
        said: dict[str, Said] = {}
        left = tuple(questions)
        while left:
            paid, poor = purse.open([questions[name].inputs for name in left])
            if paid and said and self._is_late():
                paid, poor = 0, Pending(self.parts.clock.now())  # it is time that lacks, not money
            if not paid:
                return said | self._all_as(left, poor)
            queries = [questions[name] for name in left[:paid]]
            told = self._asked_in_time(queries, starts_s)
            purse.spend(sum(charged(self.provider.spec, answer) for answer in told))
            answers += told
            said |= self._read(left[:paid], told)
            left = left[paid:]
        return said

    def _asked_in_time(self, queries: Sequence[Query], starts_s: list[float]) -> list[Answer]:
        """Make the calls; their starts are taken off the booked ones."""
        calls = len(call_sizes(self.provider.spec, queries))
        # Smaller rounds are more calls than were booked: those count as late, and book their own.
        own = (starts_s + [-inf] * calls)[:calls]
        del starts_s[:calls]
        starts = Starts(at_s=own, late_s=self._late_s(), again=self._booked_again)
        return ask_paced(self.parts, self.provider, queries, starts, self.deadline)

    def _is_late(self) -> bool:
        """Say whether a call that begins now may be cut off by the deadline."""
        least_s = self.parts.policies.probes.timeout_s * (1 - _BOOKABLE)
        return self.deadline.left_s(self.parts.clock) < least_s

    def _read(self, names: Sequence[str], answers: Sequence[Answer]) -> dict[str, Said]:
        now = self.parts.clock.now()
        self._learn([answer.outcome for answer in answers])
        labels = {"provider": self.provider.spec.name}
        # Rows that travelled together took equally long.
        for latency_s, times in Counter(answer.latency_s for answer in answers).items():
            self.parts.recorder.observe(PROVIDER_CALL, latency_s, labels, times=times)
        return {
            name: Said(
                outcome=taken(answer.outcome, now),
                observed_at=now,
                cost_microcredits=charged(self.provider.spec, answer),
                latency_s=answer.latency_s,
                calls=0 if isinstance(answer.outcome, Skipped) else answer.calls,
            )
            for name, answer in zip(names, answers, strict=True)
        }

    def _booked(self, calls: int) -> tuple[Sequence[float], Outcome]:
        """Book starts of calls with the governor.

        Gives those that are to be had, on the monotonic clock, and what the other calls' rows get.
        """
        clock = self.parts.clock
        if not self.provider.spec.limits:
            return (clock.monotonic_s(),) * calls, Pending(clock.now())
        starts_s, retry_at = self._reserved(calls)
        return starts_s, RateLimited(retry_at)

    def _booked_again(self) -> float | Skipped:
        """Book another start for a call that is too late for its own."""
        self.parts.recorder.count("calls_late", labels={"provider": self.provider.spec.name})
        starts_s, retry_at = self._reserved(1)
        return starts_s[0] if starts_s else Skipped(LATE, retry_at)

    def _reserved(self, calls: int) -> tuple[tuple[float, ...], datetime]:
        """Give the starts that are to be had, and when to come back for more."""
        clock = self.parts.clock
        key, limits = rate_of(self.provider, self.run.tenant)
        slots = self.parts.governor.reserve(
            key,
            want=calls,
            max_delay_s=self.deadline.left_s(clock) * _BOOKABLE,
            tenant=self.run.tenant,
            limits=limits,
        )
        # From the reply on: what is done between booking and calling delays no start.
        now_s = clock.monotonic_s()
        retry_at = slots.retry_at or clock.now() + timedelta(seconds=1)
        return tuple(now_s + delay_s for delay_s in slots.delays_s), retry_at

    def _late_s(self) -> float:
        """Say how late a call may leave: a quarter of what the limits add for uneven arrival.

        The rest is for what happens after that: other threads, the network, the provider's own.
        A limit of days holds however late a call is within its day.
        """
        limits = self.provider.spec.limits
        margins_us = (each.margin_us for each in limits if each.kind is not Kind.CALENDAR)
        return min(margins_us, default=inf) / 4_000_000

    def _learn(self, outcomes: Sequence[Outcome]) -> None:
        """Tell the governor when the provider wants to hear of us again, if it said so."""
        moments = [outcome.retry_at for outcome in outcomes if isinstance(outcome, RateLimited)]
        if moments:
            key, _ = rate_of(self.provider, self.run.tenant)
            self.parts.governor.learn(key, retry_at=max(moments))

    def _refusal(self, permit: Permit) -> Outcome:
        now = self.parts.clock.now()
        if permit.refusal is Refusal.RATE:
            return RateLimited(permit.retry_at or now)
        if permit.refusal in {None, Refusal.HALF_OPEN}:
            # Others are trying it out: soon it is known whether it works.
            soon = now + _TRIAL
            return Pending(min(permit.retry_at or soon, soon))
        return Skipped(f"{BREAKER} {permit.refusal}", permit.retry_at)

    def _all_as(self, names: Sequence[str], outcome: Outcome) -> dict[str, Said]:
        now = self.parts.clock.now()
        return {name: Said(outcome=outcome, observed_at=now) for name in names}


def taken(outcome: Outcome, now: datetime) -> Outcome:
    """Take an outcome in: what there was no time for is asked again."""
    match outcome:
        case Skipped(reason=reason, retry_at=moment) if reason in OUT_OF_TIME:
            return Pending(moment or now)
        case Found(observations=seen) if not all(is_storable(o.value) for o in seen.values()):
            return Malformed("a value that is not JSON")
        case _:
            return outcome
