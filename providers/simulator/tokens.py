"""The tokens that a vendor gives for its clients' credentials (OAuth 2)."""

import json
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from enrich.domain.outcome import OutcomeKind
from providers.simulator.asked import Incoming
from providers.simulator.dialect import Plan
from providers.spec.model import Auth

__all__ = ["Tokens"]

_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class _Given:
    client: str
    until_s: float


class Tokens:
    """Tokens by what they are; each lives for so many seconds. Its caller holds a lock."""

    def __init__(self, auth: Auth, clients: tuple[str, ...], lasts_s: float) -> None:
        """Begin with none; without any `clients` every one is accepted."""
        self._path = urlsplit(auth.token_url or "").path
        self._clients, self._lasts_s = clients, lasts_s
        self._given: dict[str, _Given] = {}

    def is_asked(self, incoming: Incoming) -> bool:
        """Say whether a request asks for a token."""
        return bool(self._path) and (incoming.method, incoming.path) == ("POST", self._path)

    def reply(self, incoming: Incoming, now_s: float) -> Plan:
        """Give a token for a credential, or refuse it."""
        form = parse_qs(incoming.body.decode("utf-8", "replace"))
        name, secret = (form.get(key, [""])[0] for key in ("client_id", "client_secret"))
        client = f"{name}:{secret}" if secret else name
        is_form = form.get("grant_type") == ["client_credentials"]
        if not is_form or not client or (self._clients and client not in self._clients):
            said = json.dumps({"error": "invalid_client"}).encode()
            return Plan(status=401, headers=_TYPE, body=said, kind=OutcomeKind.UNAUTHORIZED)
        token = f"token-{len(self._given) + 1}"
        self._given[token] = _Given(client, now_s + self._lasts_s)
        said = json.dumps(
            {"access_token": token, "token_type": "Bearer", "expires_in": self._lasts_s}
        ).encode()
        return Plan(status=200, headers=_TYPE, body=said)

    def client_of(self, token: str, now_s: float = 0.0) -> str:
        """Give whose token it is; empty when it is none, or ran out by `now_s`."""
        given = self._given.get(token)
        return given.client if given and now_s < given.until_s else ""
