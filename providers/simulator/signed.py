"""Which key a request carries. Pure."""

import base64

from providers.simulator.asked import Incoming
from providers.spec.model import Auth

__all__ = ["key_of"]


def key_of(auth: Auth, incoming: Incoming) -> str:
    """Give the key that a request carries where its vendor looks for it; empty when none."""
    word = incoming.headers.get("authorization", "")
    match auth.kind:
        case "header":
            return incoming.headers.get((auth.name or "").lower(), "").removeprefix(auth.prefix)
        case "query":
            return incoming.query.get(auth.name or "", "").removeprefix(auth.prefix)
        case "bearer" | "oauth2":
            return word.removeprefix("Bearer ") if word.startswith("Bearer ") else ""
        case "basic":
            return _basic(word)
        case "none":
            return ""


def _basic(word: str) -> str:
    try:
        return base64.b64decode(word.removeprefix("Basic ")).decode().rstrip(":")
    except ValueError:
        return ""
