"""Make calls; those that cost money are reserved in the ledger before, and end in it.

Whoever asks again, after whatever death or delivery, finds the answer there instead of paying for
it once more. What a dead caller had begun is in doubt: the provider is asked about it where it can
tell, else it is made again or left to a person.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from enrich.domain.outcome import OutcomeKind, Pending, Skipped
from enrich.domain.paid import NO_TRACE, Asked, Booking, CallEnd, InDoubt, Verdict, doubt_of
from enrich.domain.provider import Answer, Query, charged
from enrich.domain.run import RunView
from enrich.engine.call import Said
from enrich.engine.call import make_calls as call
from enrich.engine.journal import Journal
from enrich.engine.parts import Parts
from enrich.engine.spend import spending_caps
from enrich.engine.watch import Watched
from enrich.ports import Deadline, KnowsCalls, Provider

__all__ = ["PARKED", "make_calls"]

#: Why a cell was skipped whose call waits for a person.
PARKED = "its call is in doubt; see `enrich calls`"
#: A reservation outlasts its call's deadline by that: whoever is alive has written its end by then.
_MARGIN_S = 5.0
_HELD_S = 1.0
_SETTLED = frozenset({Verdict.KNOWN, Verdict.DOUBTFUL})


def make_calls(
    parts: Parts,
    run: RunView,
    provider: Provider,
    questions: Mapping[str, Query],
    deadline: Deadline,
) -> dict[str, Said]:
    """Ask a provider as many of the questions as may be asked now; say of the rest why not.

    Raises:
        DatabaseDownError: a call that costs money cannot be reserved; none was made.
    """
    watched = Watched(parts, run, provider)
    if not provider.spec.is_paid:
        return call(parts, run, watched, questions, deadline)
    return _Paying(parts, run, provider, watched, deadline, secrets.token_hex(12)).all(questions)


@dataclass(frozen=True, slots=True)
class _Paying:
    """The paid questions of one probe, all reserved under the name of one holder."""

    parts: Parts
    run: RunView
    provider: Provider
    watched: Provider
    deadline: Deadline
    holder: str

    def all(self, questions: Mapping[str, Query]) -> dict[str, Said]:
        bookings = self._reserved(questions)
        said = {name: self._as_it_stands(bookings.get(name)) for name in questions}
        ours = {
            name: replace(questions[name], call_key=booking.key)
            for name, booking in bookings.items()
            if booking.verdict in {Verdict.OURS, Verdict.DOUBTFUL}
        }
        if any(booking.verdict in _SETTLED for booking in bookings.values()):
            self._lift_spending()
        doubtful = {n: q for n, q in ours.items() if bookings[n].verdict is Verdict.DOUBTFUL}
        # As many as leave at once count as begun with their reservation.
        begun = tuple(questions)[: self.provider.spec.at_once]
        return said | (self._called(ours, doubtful, begun) if ours else {})

    def _reserved(self, questions: Mapping[str, Query]) -> Mapping[str, Booking]:
        spec = self.provider.spec
        asked = {
            name: Asked(row=query.row, price_microcredits=spec.most_for(query.inputs))
            for name, query in questions.items()
        }
        rule = doubt_of(spec, self.parts.policies.budgets.in_doubt)
        return self.parts.paid.reserve(
            self.run,
            spec,
            asked,
            holder=self.holder,
            hold_s=self.deadline.left_s(self.parts.clock) + _MARGIN_S,
            parks=rule is InDoubt.PARK,
        )

    def _called(
        self, ours: Mapping[str, Query], doubtful: Mapping[str, Query], begun: Sequence[str]
    ) -> dict[str, Said]:
        names = {query.call_key: name for name, query in ours.items()}
        journal = Journal(
            self.parts,
            self.watched,
            tenant=self.run.tenant,
            holder=self.holder,
            names=names,
            begun=ours.keys() & begun,
        )
        said: dict[str, Said] = {}
        try:
            said |= self._looked_up(doubtful, journal)
            left = {name: query for name, query in ours.items() if name not in said}
            if left:
                said |= call(self.parts, self.run, journal, left, self.deadline, holder=self.holder)
        finally:
            # Whatever happened: what was not called is free again, what was ended is written.
            journal.close(said)
        return said

    def _looked_up(self, doubtful: Mapping[str, Query], journal: Journal) -> dict[str, Said]:
        """Ask the provider what came of calls that somebody may have made; what it knows is said.

        What it cannot tell now stays in doubt, and waits.
        """
        if not doubtful:
            return {}
        labels = {"provider": self.provider.spec.name}
        self.parts.recorder.count("paid_calls_in_doubt", len(doubtful), labels)
        if self.provider.spec.takes_key:  # it charges the same key once
            self._resolve(doubtful)
        if not isinstance(self.provider, KnowsCalls) or not self.provider.spec.can_look_up:
            return {}
        now = self.parts.clock.now()
        answers = self.provider.look_up(tuple(doubtful.values()), self.deadline)
        told = dict(zip(doubtful, answers, strict=True))
        if not self.provider.spec.takes_key:
            self._resolve([name for name, answer in told.items() if _is_known(answer)])
        said = {}
        for name, answer in told.items():
            if answer is None or (answer == NO_TRACE and not self._parks_untraced()):
                continue
            if answer == NO_TRACE:
                said[name] = self._parked(name, journal)
                continue
            if answer.outcome.kind is OutcomeKind.UNAVAILABLE:
                journal.leave(name)
                said[name] = Said(
                    outcome=Pending(now + timedelta(seconds=_MARGIN_S)), observed_at=now
                )
                continue
            said[name] = Said(
                outcome=answer.outcome,
                observed_at=now,
                cost_microcredits=charged(self.provider.spec, answer),
                latency_s=answer.latency_s,
            )
        return said

    def _resolve(self, names: Collection[str]) -> None:
        """Take these out of doubt: whether they were made is known, or nothing hangs on it."""
        if names:
            self.parts.paid.resolve(self.run.tenant, self.holder, tuple(names))

    def _parks_untraced(self) -> bool:
        """Say whether a call that has left no trace waits for a person."""
        spec = replace(self.provider.spec, can_look_up=False)
        return doubt_of(spec, self.parts.policies.budgets.in_doubt) is InDoubt.PARK

    def _parked(self, name: str, journal: Journal) -> Said:
        now = self.parts.clock.now()
        journal.end({name: CallEnd(outcome=Skipped(PARKED), observed_at=now, is_parked=True)})
        return Said(outcome=Skipped(PARKED), observed_at=now)

    def _as_it_stands(self, booking: Booking | None) -> Said:
        """Say what a question gets that is not ours to call."""
        now = self.parts.clock.now()
        if booking is None:
            return Said(outcome=Skipped("the row is gone"), observed_at=now)
        if booking.verdict is Verdict.KNOWN and booking.end is not None:
            return _said(booking.end)
        if booking.verdict is Verdict.PARKED:
            return Said(outcome=Skipped(PARKED), observed_at=now)
        return Said(outcome=Pending(now + timedelta(seconds=_HELD_S)), observed_at=now)

    def _lift_spending(self) -> None:
        """Count what somebody spent who died before counting it."""
        scopes = tuple(spending_caps(self.parts, self.run))
        spendings = self.parts.paid.spent(self.run.tenant, scopes)
        spent = {scope: one.spent_microcredits for scope, one in spendings.items()}
        self.parts.budgets.restore(self.run.tenant, spent)


def _is_known(answer: Answer | None) -> bool:
    """Say whether a provider has told what came of a call; None is that it was never made."""
    if answer is None:
        return True
    return answer != NO_TRACE and answer.outcome.kind is not OutcomeKind.UNAVAILABLE


def _said(end: CallEnd) -> Said:
    return Said(
        outcome=end.outcome,
        observed_at=end.observed_at,
        cost_microcredits=end.cost_microcredits,
        latency_s=end.latency_s,
        calls=1,
    )
