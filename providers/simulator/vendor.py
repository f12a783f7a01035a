"""One vendor: a file, a behaviour, and what it remembers. Its time comes from outside."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from enrich.domain.outcome import OutcomeKind
from enrich.domain.values import microcredits_of
from providers.simulator.allowance import Purses, Windows
from providers.simulator.answers import Told, answered, answered_many, shown_by
from providers.simulator.asked import Asking, Incoming, asking_of
from providers.simulator.behaviour import Behaviour, Fault
from providers.simulator.calling import Later
from providers.simulator.dialect import Plan, charged, deferral, plan_of, refusal, replay
from providers.simulator.ledger import NO_ENDPOINT, Arrival, Ledger, key_digest
from providers.simulator.many import can_answer_many, shown_among
from providers.simulator.schedule import burst_at, delay_s, fault_for, is_pending
from providers.simulator.signed import key_of
from providers.simulator.spoiling import instead_of, spoilt
from providers.simulator.tokens import Tokens
from providers.spec.file import HttpSpec

__all__ = ["Sending", "Vendor"]

_STORM_S = 1.0
_BILLING_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A reply and how it is to go out: after how long, and what the wire does to it.

    `later` is the answer that is sent after it.
    """

    plan: Plan
    delay_s: float = 0.0
    drip_s: float = 1.0
    fault: Fault = Fault.NONE
    later: Later | None = None


@dataclass(frozen=True, slots=True)
class _Decided:
    """What goes out, what it says of each question, and what it costs."""

    sending: Sending
    told: Told
    charge: Sequence[int] = ()
    kind: str = ""


@dataclass(slots=True)
class _Work:
    """Questions that are worked on, and how often was asked how they stand."""

    asking: Asking
    polls: int = 0
    is_paid: bool = False


class Vendor:
    """Answers requests as a vendor of this file would; safe to use from many threads."""

    def __init__(self, spec: HttpSpec, behaviour: Behaviour, ledger: Ledger) -> None:
        """Join a file, a behaviour and the ledger that every request is written to."""
        self.spec, self.behaviour, self._ledger = spec, behaviour, ledger
        self._lock = threading.Lock()
        self._windows = Windows(spec.limits if behaviour.limits else ())
        purse = behaviour.purse_credits
        self._purses = Purses(None if purse is None else microcredits_of(purse))
        self._tokens = Tokens(spec.auth, behaviour.keys, behaviour.token_s)
        self._asked: Counter[str] = Counter()
        self._work: dict[str, _Work] = {}
        self._calls = 0
        self._shown, self._among = shown_by(spec), shown_among(spec)
        #: The path of the file's own address: what is asked lies below it.
        self.prefix = urlsplit(spec.base_url).path

    def answer(self, incoming: Incoming, *, at: datetime, now_s: float) -> Sending:
        """Decide what is replied to a request, and write it down."""
        with self._lock:
            if self._tokens.is_asked(incoming):
                self._ledger.add_token(self.spec.name)
                return Sending(plan=self._tokens.reply(incoming, now_s))
            incoming = self._below(incoming)
            decided = self._decided(incoming, at, now_s)
            self._note(incoming, decided, at)
        return decided.sending

    def replay(self, number: int, incoming: Incoming, *, at: datetime) -> Sending:
        """Give the reply of the file's example of this number to whatever is asked, for nothing."""
        plan, incoming = replay(self.spec.replies[number]), self._below(incoming)
        with self._lock:
            asking = asking_of(self.spec, incoming)
            questions = asking.questions if asking else ()
            decided = _Decided(Sending(plan=plan), Told(plan, questions))
            self._note(incoming, decided, at)
        return decided.sending

    def _below(self, incoming: Incoming) -> Incoming:
        """Give a request as the file writes it: behind its base URL."""
        is_below = incoming.path.startswith(f"{self.prefix}/")
        return replace(incoming, path=incoming.path[len(self.prefix) :]) if is_below else incoming

    def _decided(self, incoming: Incoming, at: datetime, now_s: float) -> _Decided:
        asking = asking_of(self.spec, incoming)
        if asking is None or (asking.is_bulk and not can_answer_many(self.spec)):
            # Not 404: with many vendors that means that the row is unknown.
            plan = Plan(status=501, kind=OutcomeKind.UNAVAILABLE)
            return _Decided(Sending(plan=plan), Told(plan), kind=NO_ENDPOINT)
        key = self._key(incoming, now_s)
        refused = self._refused(incoming, key, at, now_s)
        if refused is not None:
            return _Decided(refused, Told(refused.plan, asking.questions))
        return self._replied(asking, key, at)

    def _refused(self, incoming: Incoming, key: str, at: datetime, now_s: float) -> Sending | None:
        """Refuse for who asks, for how often, or because it is a bad moment."""
        is_nameless = self.spec.contact and "(" not in incoming.headers.get("user-agent", "")
        if is_nameless or not self._accepts(key):
            return Sending(plan=plan_of(self.spec, OutcomeKind.UNAUTHORIZED))
        wait_s = self._windows.wait_s({"key": key, "ip": incoming.peer}, now_s)
        strikes = burst_at(self.behaviour, self.spec.name, self._calls)
        if wait_s > 0 or strikes is Fault.STORM:
            kind, fault = OutcomeKind.RATE_LIMITED, Fault.NONE if wait_s > 0 else Fault.STORM
            plan = refusal(self.spec, kind, at=at, wait_s=wait_s or _STORM_S)
            return Sending(plan=plan, fault=fault)
        if strikes is Fault.ERROR:
            status = 500 if self._calls % 2 else 503
            plan = Plan(status=status, body=b"out of order", kind=OutcomeKind.UNAVAILABLE)
            return Sending(plan=plan, fault=strikes)
        return None

    def _key(self, incoming: Incoming, now_s: float = 0.0) -> str:
        """Give the key that a request was made with; empty when it has none that holds."""
        key = key_of(self.spec.auth, incoming)
        return self._tokens.client_of(key, now_s) if self.spec.auth.kind == "oauth2" else key

    def _accepts(self, key: str) -> bool:
        auth, keys = self.spec.auth, self.behaviour.keys
        if auth.kind == "none" or (auth.optional and not key):
            return True
        return key in keys if keys else bool(key)

    def _replied(self, asking: Asking, key: str, at: datetime) -> _Decided:
        name = f"{asking.token}:{','.join(each.digest for each in asking.questions)}"
        attempt = self._asked[name]
        self._asked[name] += 1
        fault = fault_for(self.behaviour, self.spec.name, name, attempt)
        takes_s = delay_s(self.behaviour, self.spec.name, name, attempt)
        instead = instead_of(fault)
        if instead is not None:
            sending = Sending(plan=instead, delay_s=takes_s, fault=fault)
            return _Decided(sending, Told(instead, asking.questions))
        told, is_paid = self._told(asking, is_lie=fault is Fault.LIE)
        later = self._later(asking, told, is_lie=fault is Fault.LIE)
        # What is sent later is charged when it is asked for: the purse is looked at then.
        kinds = later.kinds if later else told.kinds
        charge = [0 if is_paid else self._price(later or told, kind) for kind in kinds]
        if not self._purses.can_pay(key, sum(charge)):
            kind = OutcomeKind.CREDITS_EXHAUSTED
            plan = refusal(self.spec, kind, at=at, wait_s=_BILLING_S)
            return _Decided(Sending(plan=plan), Told(plan, told.questions))
        self._purses.pay(key, sum(charge))
        sending = Sending(
            plan=spoilt(told.plan, fault),
            delay_s=takes_s,
            drip_s=self.behaviour.drip_s,
            fault=fault,
            later=self._call_of(asking, later) if later else None,
        )
        return _Decided(sending, told, charge)

    def _later(self, asking: Asking, told: Told, *, is_lie: bool) -> Told | None:
        """Give the answer that is sent when the work is done; None when nobody asked for that."""
        is_begun = told.plan.kind is OutcomeKind.PENDING and asking.callback
        return self._known(asking, is_lie=is_lie) if is_begun else None

    def _call_of(self, asking: Asking, answer: Told) -> Later:
        return Later(
            url=asking.callback,
            body=answer.plan.body,
            after_s=self.behaviour.called_after_s,
            times=self.behaviour.called_times,
        )

    def _price(self, told: Told, kind: OutcomeKind) -> int:
        return charged(self.spec, kind) if told.microcredits is None else told.microcredits

    def _told(self, asking: Asking, *, is_lie: bool) -> tuple[Told, bool]:
        """Answer, or begin to work on it; say also whether the answer was paid for before."""
        if asking.token:
            return self._polled(asking.token, is_lie=is_lie)
        first = asking.questions[0]
        if asking.callback or is_pending(self.behaviour, self.spec.name, first.digest):
            begun = self._begun(asking)
            if begun is not None:
                return begun, False
        return self._known(asking, is_lie=is_lie), False

    def _polled(self, token: str, *, is_lie: bool) -> tuple[Told, bool]:
        work = self._work.get(token)
        if work is None:
            return Told(plan_of(self.spec, OutcomeKind.NOT_FOUND)), False
        work.polls += 1
        if work.polls < self.behaviour.polls:
            return self._begun(work.asking) or Told(plan_of(self.spec, OutcomeKind.PENDING)), False
        was_paid, work.is_paid = work.is_paid, True
        return self._known(work.asking, is_lie=is_lie), was_paid

    def _begun(self, asking: Asking) -> Told | None:
        first = asking.questions[0]
        token = f"sim-{first.digest}-{len(asking.questions)}"
        plan = deferral(self.spec, token, first.inputs)
        if plan is None and asking.callback:
            plan = plan_of(self.spec, OutcomeKind.PENDING)
        if plan is None:
            return None
        self._work.setdefault(token, _Work(asking))
        return Told(plan, asking.questions, [OutcomeKind.PENDING] * len(asking.questions))

    def _known(self, asking: Asking, *, is_lie: bool) -> Told:
        if asking.is_bulk and not asking.chat:
            return answered_many(self.spec, self.behaviour, self._among, asking.questions)
        return answered(self.spec, self.behaviour, self._shown, asking, is_lie=is_lie)

    def _note(self, incoming: Incoming, decided: _Decided, at: datetime) -> None:
        """Write one line for each question; one in all where none can be told."""
        told, sending = decided.told, decided.sending
        digests = [each.digest for each in told.questions] or [""]
        meant = [*told.kinds] or [sending.plan.kind] * len(digests)
        charge = [*decided.charge] or [0] * len(digests)
        auth = self.spec.auth
        secret = (auth.name or "") if auth.kind == "query" else ""
        for digest, kind, microcredits in zip(digests, meant, charge, strict=False):
            arrival = Arrival(
                vendor=self.spec.name,
                call=self._calls,
                key=key_digest(self._key(incoming)),
                question=digest,
                sent=f"{incoming.method} {incoming.target(without=secret)}",
                at=at,
                status=sending.plan.status,
                kind=decided.kind or kind.value,
                fault=sending.fault,
                charged_microcredits=microcredits,
            )
            self._ledger.add(arrival)
        self._calls += 1
