"""Signed tokens (JWT, RFC 7519): fixed algorithms, our own keys, everything checked.

The keys come from a file in the form of a JWK set (RFC 7517); what a token says about where to find
a key is not looked at. Each key is used with the one algorithm that its type stands for.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from jwt import PyJWK

from enrich.domain.access import Principal, Scope
from enrich.errors import SettingsError

__all__ = ["TokenReader", "read_keys"]

_LEEWAY_S = 60
#: Only signatures that a verifier cannot make; never a shared secret, never none.
_ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "ES384", "EdDSA"})
_DEMANDED = ("exp", "iss", "aud", "sub", "tenant")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReader:
    """Verifies tokens. Their claims: `sub`, `tenant`, and `scope` with spaces between."""

    keys: Mapping[str, PyJWK]
    issuer: str
    audience: str

    def principal(self, token: str) -> Principal | None:
        """Give whom a token stands for; None for one that is not valid now."""
        try:
            header = jwt.get_unverified_header(token)
            key = self.keys.get(str(header.get("kid")))
            if key is None or header.get("alg") != key.algorithm_name:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self.issuer,
                audience=self.audience,
                leeway=_LEEWAY_S,
                options={"require": list(_DEMANDED)},
            )
        except (jwt.PyJWTError, ValueError):
            return None
        return _principal(claims)


def _principal(claims: Mapping[str, Any]) -> Principal | None:
    subject, tenant = claims["sub"], claims["tenant"]
    if not isinstance(subject, str) or not isinstance(tenant, str):
        return None
    known = {scope.value for scope in Scope}
    # A scope that we do not know is another service's.
    named = {word for word in str(claims.get("scope", "")).split() if word in known}
    return Principal(name=subject, tenant=tenant, scopes=frozenset(map(Scope, named)))


def read_keys(path: Path) -> Mapping[str, PyJWK]:
    """Read a JWK set by the keys' ids.

    Raises:
        SettingsError: the file is no JWK set, or a key has no id or an algorithm that is not safe.
    """
    name = "ENRICH_API__JWT_KEYS"
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))["keys"]
        read = {str(raw["kid"]): PyJWK.from_dict(raw) for raw in keys}
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as exc:
        problem = f"is no file with a JWK set ({type(exc).__name__})"
        raise SettingsError(name, problem, hint='write {"keys": [{"kid": …}]}') from None
    for kid, key in read.items():
        if key.algorithm_name not in _ALGORITHMS:
            allowed = ", ".join(sorted(_ALGORITHMS))
            raise SettingsError(name, f"key {kid!r} is not for {allowed}")
    return read
