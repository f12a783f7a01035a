"""Put a credential on a request: where the file says, and never into what can be shown."""

import base64
import threading
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from enrich.domain.outcome import Malformed, Outcome, OutcomeKind, Unauthorized, Unavailable
from enrich.domain.secret import Secret
from enrich.ports.outside import Clock, Deadline
from providers.exchange import HttpCall, HttpFault, NotJsonError, parse_json
from providers.http import HttpClient
from providers.spec.file import HttpSpec
from providers.spec.model import Auth
from providers.spec.reading import kind_of_status

__all__ = ["Signer"]

#: A token is renewed so long before it runs out, one that lives shortly a share of its life.
_EARLY_S = 60.0
_EARLY = 0.1
_TOKEN_S = 300.0
_TOKEN_S_MAX = 86_400.0


@dataclass(slots=True)
class _Token:
    """A token of one key; `lock` is held while it is asked for, so that one thread does it."""

    value: Secret | None = None
    until_s: float = 0.0
    uses: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Signer:
    """Signs the requests to one provider; keeps the tokens that it got for its keys."""

    def __init__(self, spec: HttpSpec, client: HttpClient, clock: Clock) -> None:
        self._spec, self._client, self._clock = spec, client, clock
        self._lock = threading.Lock()
        self._tokens: dict[Secret, _Token] = {}

    def signed(self, call: HttpCall, key: Secret, deadline: Deadline) -> HttpCall | Outcome:
        """Give the request with the credential on it, or what came of asking for a token."""
        if self._spec.auth.kind != "oauth2":
            return _with_key(call, self._spec.auth, key)
        token = self._token(key, deadline)
        if not isinstance(token, Secret):
            return token
        return _bearer(call, token)

    def forget(self, key: Secret) -> None:
        """Drop the token of a key: it was refused, so the next request asks for another."""
        with self._lock:
            self._tokens.pop(key, None)

    def may_renew(self, key: Secret, refused: HttpCall) -> bool:
        """Say whether a refused request may be accepted with another token, which is asked for.

        Not when its token was new: then it is the key that is refused.
        """
        with self._lock:
            known = self._tokens.get(key)
            if known is None or known.value is None:
                return False
            is_the_same = _bearer(refused, known.value) == refused
            if is_the_same and known.uses > 1:
                del self._tokens[key]
            return not is_the_same or known.uses > 1

    def _token(self, key: Secret, deadline: Deadline) -> Secret | Outcome:
        with self._lock:
            token = self._tokens.setdefault(key, _Token())
        # Whoever waits here would have to ask for the same token.
        left_s = min(deadline.left_s(self._clock), threading.TIMEOUT_MAX)
        if not token.lock.acquire(timeout=left_s):
            return Unavailable("timed out")
        try:
            if token.value is None or token.until_s <= self._clock.monotonic_s():
                fresh = self._asked(key, deadline)
                if not isinstance(fresh, tuple):
                    return fresh
                token.value, token.until_s = fresh
                token.uses = 0
            token.uses += 1
            return token.value
        finally:
            token.lock.release()

    def _asked(self, key: Secret, deadline: Deadline) -> tuple[Secret, float] | Outcome:
        auth = self._spec.auth
        user, _, password = key.reveal().partition(":")
        form = {"grant_type": "client_credentials", "client_id": user, "client_secret": password}
        if auth.scope:
            form["scope"] = auth.scope
        call = HttpCall(
            method="POST",
            url=auth.token_url or "",
            headers={
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(form).encode(),
        )
        reply = self._client.send(call, deadline=deadline, timeouts=self._spec.timeouts)
        if isinstance(reply, HttpFault):
            return reply.outcome
        kind = kind_of_status(reply.status)
        if kind in {OutcomeKind.UNAUTHORIZED, OutcomeKind.INVALID_INPUT}:
            return Unauthorized("no token for this credential")
        if kind is not OutcomeKind.FOUND:
            return Unavailable(f"no token: status {reply.status}")
        return self._read(reply.body)

    def _read(self, body: bytes) -> tuple[Secret, float] | Outcome:
        try:
            said = parse_json(body)
        except NotJsonError:
            said = None
        token = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(said, dict) or not isinstance(token, str) or not _is_sendable(token):
            return Malformed("the token's reply has no token")
        lasts = said.get("expires_in")
        is_number = isinstance(lasts, int | float) and not isinstance(lasts, bool)
        lasts_s = float(lasts) if is_number and isinstance(lasts, int | float) else _TOKEN_S
        lasts_s = min(lasts_s, _TOKEN_S_MAX)
        early_s = min(_EARLY_S, lasts_s * _EARLY)
        return Secret(token), self._clock.monotonic_s() + lasts_s - early_s


def _is_sendable(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and len(token) <= 8192


def _with_key(call: HttpCall, auth: Auth, key: Secret) -> HttpCall:
    match auth.kind:
        case "header":
            return replace(call, secret_headers={auth.name or "": auth.prefix + key.reveal()})
        case "bearer":
            return _bearer(call, key)
        case "basic":
            pair = key.reveal() if ":" in key.reveal() else f"{key.reveal()}:"
            word = base64.b64encode(pair.encode()).decode()
            return replace(call, secret_headers={"Authorization": f"Basic {word}"})
        case "query":
            return replace(call, secret_query={auth.name or "": auth.prefix + key.reveal()})
        case _:
            return call


def _bearer(call: HttpCall, token: Secret) -> HttpCall:
    return replace(call, secret_headers={"Authorization": f"Bearer {token.reveal()}"})
