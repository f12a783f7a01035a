"""Names of questions and of what is cached about them.

A key is a hash of length-prefixed parts, so no two lists of parts share one, whatever characters
they hold, and no value of a cell can be read from it.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping

from enrich.domain.values import Json

__all__ = ["breaker_key", "digest", "folded", "input_key", "provider_of", "redis_key"]

# Made once: `json.dumps` makes one per call, which costs more than what it encodes.
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def folded(value: Json) -> Json:
    """Fold what never makes a different question: width, case and spaces of text."""
    if isinstance(value, str):
        if value.isascii():
            return " ".join(value.split()).lower()
        return " ".join(unicodedata.normalize("NFKC", value).split()).casefold()
    if isinstance(value, list):
        return [folded(item) for item in value]
    if isinstance(value, dict):
        return {key: folded(item) for key, item in sorted(value.items())}
    return value


def digest(parts: Iterable[str]) -> str:
    """Hash parts to 32 hexadecimal digits (128 bits of SHA-256)."""
    raw = [part.encode("utf-8", "surrogatepass") for part in parts]
    whole = b"".join([b"%d:%b" % (len(part), part) for part in raw])
    return hashlib.sha256(whole).hexdigest()[:32]


def input_key(tenant: str, provider: str, version: str, inputs: Mapping[str, Json]) -> str:
    """Name one question: who asks whom about what."""
    encoded = (
        part
        for name, value in sorted(inputs.items())
        for part in (name, _ENCODER.encode(folded(value)))
    )
    return digest((tenant, provider, version, *encoded))


def breaker_key(provider: str, credential: str = "") -> str:
    """Name the breaker of a provider, or of one of its credentials.

    One tenant's refused key must not close the provider to all. A changed credential has a new id,
    and so a new breaker.
    """
    return f"{provider}#{credential}" if credential else provider


def provider_of(key: str) -> str:
    """Give the provider of a breaker's name."""
    return key.partition("#")[0]


def redis_key(version: int, kind: str, tenant: str, name: str) -> str:
    """Build `enrich:v<version>:<kind>:{<tenant digest>:<name>}`, at most 200 bytes.

    The braces make all keys of one thing share a cluster slot. The tenant is hashed, so that no
    tenant can be chosen to collide with another's keys.
    """
    return f"enrich:v{version}:{kind}:{{{digest((tenant,))[:12]}:{name}}}"
