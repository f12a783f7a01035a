"""Who is asking: API keys and signed tokens, and the tenant that must agree with them."""

import re
import threading
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from enrich.api.problems import ProblemError
from enrich.api.tokens import TokenReader
from enrich.domain.access import (
    AccessKey,
    Principal,
    Scope,
    is_same_hash,
    prefix_of,
    secret_hash,
)
from enrich.ports import Clock
from enrich.ports.access import AccessKeys

__all__ = ["Access", "allowed", "identified"]

#: A key that was revoked opens nothing after that long, in every process.
_KEPT_S = 30.0
_MOST_KEPT = 10_000
_LONGEST_CREDENTIAL = 8_192
_WAY_IN = "`enrich keys create --tenant NAME` makes a key"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
#: Documents the scheme; the header is read by hand, because what is wrong with it is told apart.
_DOCUMENTED = HTTPBearer(auto_error=False, description="An API key (`enr_…`) or a signed token")


class Access:
    """Turns a credential into a principal; remembers keys for half a minute."""

    def __init__(self, keys: AccessKeys, tokens: TokenReader | None, clock: Clock) -> None:
        self._keys, self._tokens, self._clock = keys, tokens, clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, tuple[AccessKey, str] | None]] = {}

    def principal(self, credential: str) -> Principal | None:
        """Give whom a credential stands for; None for one that opens nothing.

        Raises `DatabaseDownError`.
        """
        prefix = prefix_of(credential)
        if prefix is None:
            return self._tokens.principal(credential) if self._tokens else None
        return self._opened(self._found(prefix), credential)

    def at_once(self, credential: str) -> tuple[Principal | None] | None:
        """Give what `principal` would if nobody has to be asked for it; None when one has to."""
        prefix = prefix_of(credential)
        if prefix is None:
            return (self.principal(credential),)
        kept = self._remembered(prefix)
        return kept and (self._opened(kept[1], credential),)

    def _opened(self, found: tuple[AccessKey, str] | None, credential: str) -> Principal | None:
        if found is None:
            return None
        key, expected = found
        opens = is_same_hash(secret_hash(credential), expected)
        return key.principal() if opens and key.is_valid(self._clock.now()) else None

    def _remembered(self, prefix: str) -> tuple[float, tuple[AccessKey, str] | None] | None:
        with self._lock:
            kept = self._kept.get(prefix)
        return kept if kept and self._clock.monotonic_s() < kept[0] else None

    def _found(self, prefix: str) -> tuple[AccessKey, str] | None:
        now_s = self._clock.monotonic_s()
        if kept := self._remembered(prefix):
            return kept[1]
        found = self._keys.find(prefix)
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[prefix] = now_s + _KEPT_S, found
        return found


def allowed(scope: Scope) -> Callable[..., object]:
    """Make the dependency that lets through whoever has the scope, and gives its principal."""

    documented = Security(_DOCUMENTED, scopes=[scope.value])

    async def check(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, documented] = None,
    ) -> Principal:
        principal = await _principal(request)
        _check_tenant(request, principal)
        if not principal.may(scope):
            raise ProblemError(403, f"the credential lacks the scope {scope.value!r}")
        request.state.principal = principal
        return principal

    return check


async def identified(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(_DOCUMENTED)] = None,
) -> Principal:
    """Give whose the credential is, whatever it allows; for those who do not know it yet."""
    return await _principal(request)


async def _principal(request: Request) -> Principal:
    access: Access = request.app.state.access
    credential = _credential(request.headers.getlist("authorization"))
    known = access.at_once(credential)
    principal = known[0] if known else await run_in_threadpool(access.principal, credential)
    if principal is None:
        raise _refused("the credential is unknown, expired or revoked", 'error="invalid_token"')
    return principal


def _credential(headers: list[str]) -> str:
    if len(headers) != 1:
        raise _refused("send one Authorization header: `Bearer <key>`")
    scheme, _, credential = headers[0].partition(" ")
    if scheme.lower() != "bearer" or not credential or " " in credential:
        raise _refused("the Authorization header must read `Bearer <key>`")
    if len(credential) > _LONGEST_CREDENTIAL:
        raise _refused("the credential is too long", 'error="invalid_token"')
    return credential


def _refused(detail: str, more: str = "") -> ProblemError:
    challenge = ", ".join(filter(None, ['Bearer realm="enrich"', more]))
    return ProblemError(401, f"{detail}; {_WAY_IN}", headers={"WWW-Authenticate": challenge})


def _check_tenant(request: Request, principal: Principal) -> None:
    named = request.headers.getlist("x-tenant-id")
    if len(named) != 1 or not _TENANT.fullmatch(named[0]):
        hint = "letters, digits, - and _, up to 128"
        raise ProblemError(400, f"send one X-Tenant-ID header with the tenant's name ({hint})")
    if named[0] != principal.tenant:
        raise ProblemError(403, "the credential belongs to another tenant than X-Tenant-ID names")
