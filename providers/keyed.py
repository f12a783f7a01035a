"""Calls that are signed with a tenant's key, with the next one where the first is refused."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from enrich.domain.outcome import (
    DEADLINE,
    NO_CREDENTIAL,
    CreditsExhausted,
    Found,
    Malformed,
    Outcome,
    OutcomeKind,
    Pending,
    RateLimited,
    Skipped,
)
from enrich.domain.provider import Answer, is_hit, one_call
from enrich.domain.secret import Secret
from enrich.ports.outside import Clock, Credentials, Deadline
from providers.credentials import KeyRotation, hidden_words, set_id
from providers.exchange import HttpCall, HttpFault, Reply
from providers.http import HttpClient
from providers.signing import Signer
from providers.spec.file import HttpSpec

__all__ = ["KeyedCalls", "free"]

_NO_CREDENTIAL_FOR = timedelta(hours=1)
#: A shorter key may well be a word of an answer.
_SECRET_CHARS = 8
_REFUSED = 401
_REFUSED_S = 900.0
_USED_UP_S = 3600.0
_ABOUT_THE_KEY = frozenset({OutcomeKind.UNAUTHORIZED, OutcomeKind.CREDITS_EXHAUSTED})


class KeyedCalls:
    """The calls to one provider; remembers which keys rest. Safe to use from many threads."""

    def __init__(
        self, http: HttpSpec, *, client: HttpClient, credentials: Credentials, clock: Clock
    ) -> None:
        """Join a file, a client and who holds the keys."""
        self._http, self._client, self._credentials = http, client, credentials
        self._clock = clock
        self._rotation = KeyRotation(clock)
        self._signer = Signer(http, client, clock)

    def credential_id(self, tenant: str) -> str:
        """Name the keys that a tenant is asked with; empty when there are none."""
        name = self._http.credential
        keys = self._credentials.get(tenant, name) if name else ()
        return set_id(tuple(keys)) if keys else ""

    def key_count(self, tenant: str) -> int:
        """Say by how many keys a tenant's calls are made by turns; those that rest do not count."""
        name = self._http.credential
        return self._rotation.count(self._credentials.get(tenant, name)) if name else 0

    def without_echo(self, answers: Sequence[Answer], reply: Reply, tenant: str) -> list[Answer]:
        """Take nothing from what was sent to us when it repeats a key of the tenant's."""
        name = self._http.credential
        kept = list(answers)
        for key in self._credentials.get(tenant, name) if name else ():
            kept = [_unless_echoed(answer, reply, key) for answer in kept]
        return kept

    def make(
        self,
        call: HttpCall,
        read: Callable[[Reply], Sequence[Answer]],
        *,
        rows: int = 1,
        tenant: str,
        deadline: Deadline,
    ) -> list[Answer]:
        """Make a call about so many rows with one key after the other, until one is accepted.

        `read` gives the answers of a reply; latency and number of requests are added here.
        """
        if deadline.left_s(self._clock) <= 0:
            return [free(Skipped(DEADLINE)) for _ in range(rows)]
        keys = self._keys(tenant)
        if not keys:
            until = self._clock.now() + _NO_CREDENTIAL_FOR
            return [free(Skipped(NO_CREDENTIAL, until)) for _ in range(rows)]
        answers: list[Answer] = []
        calls = 0
        for key in keys:
            answers = self._made(call, read, key, rows, deadline)
            calls += answers[0].calls
            if key is None or not self._is_about_the_key(answers):
                break
            self._rest(key, answers[0].outcome)
        return one_call(answers, calls=calls)

    def _keys(self, tenant: str) -> Sequence[Secret | None]:
        name = self._http.credential
        if name is None:
            return (None,)
        keys = self._rotation.order(self._credentials.get(tenant, name))
        return keys or ((None,) if self._http.auth.optional else ())

    def _made(
        self,
        call: HttpCall,
        read: Callable[[Reply], Sequence[Answer]],
        key: Secret | None,
        rows: int,
        deadline: Deadline,
    ) -> list[Answer]:
        started_s = self._clock.monotonic_s()
        ended, calls = self._ended(call, key, deadline)
        latency_s = self._clock.monotonic_s() - started_s
        if isinstance(ended, Reply):
            told = [_unless_echoed(answer, ended, key) for answer in read(ended)]
            answers = [replace(answer, latency_s=latency_s) for answer in told]
            return one_call(answers, calls=calls)
        outcome = ended.outcome if isinstance(ended, HttpFault) else ended
        return one_call([Answer(outcome=outcome, latency_s=latency_s)] * rows, calls=calls)

    def _ended(
        self, call: HttpCall, key: Secret | None, deadline: Deadline
    ) -> tuple[Reply | HttpFault | Outcome, int]:
        """Sign and send; a token that ran out before its time is renewed, once."""
        if key is None:
            ended = self._sent(call, deadline)
            return ended, ended.calls
        calls = 0
        while True:
            signed = self._signer.signed(call, key, deadline)
            if not isinstance(signed, HttpCall):
                return signed, calls
            ended = self._sent(signed, deadline)
            calls += ended.calls
            is_refused = isinstance(ended, Reply) and ended.status == _REFUSED
            if not is_refused or calls > 1 or not self._signer.may_renew(key, signed):
                return ended, calls

    def _sent(self, call: HttpCall, deadline: Deadline) -> Reply | HttpFault:
        times, retry = self._http.timeouts, self._http.retry
        return self._client.send(call, deadline=deadline, timeouts=times, retry=retry)

    def _is_about_the_key(self, answers: Sequence[Answer]) -> bool:
        about = _ABOUT_THE_KEY
        if all(limit.of == "key" for limit in self._http.limits):
            about |= {OutcomeKind.RATE_LIMITED}
        return all(answer.outcome.kind in about for answer in answers)

    def _rest(self, key: Secret, outcome: Outcome) -> None:
        now, rest_s = self._clock.now(), _REFUSED_S
        match outcome:
            case RateLimited(retry_at=moment):
                rest_s = (moment - now).total_seconds()
            case CreditsExhausted(reset_at=reset_at):
                rest_s = (reset_at - now).total_seconds() if reset_at else _USED_UP_S
            case _:
                self._signer.forget(key)
        self._rotation.rest(key, rest_s)


def free(outcome: Outcome) -> Answer:
    """Answer without a call."""
    return Answer(outcome=outcome, cost_microcredits=0, calls=0)


def _unless_echoed(answer: Answer, reply: Reply, key: Secret | None) -> Answer:
    """Take nothing from a reply that repeats our key: it would be kept, and shown."""
    if key is None or not isinstance(answer.outcome, Found | Pending):
        return answer
    words = {word.encode() for word in hidden_words(key.reveal()) if len(word) >= _SECRET_CHARS}
    # As a header of basic authentication holds it, with a password and without one.
    words |= {b64encode(f"{key.reveal()}{end}".encode()) for end in ("", ":")}
    if any(word in reply.body for word in words):
        fault = Malformed("the answer repeats our key", is_hit=is_hit(answer.outcome))
        return replace(answer, outcome=fault)
    return answer
