"""Names of questions and of what is cached about them.

A key is a hash of length-prefixed parts, so no two lists of parts share one, whatever characters
they hold, and no value of a cell can be read from it.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from enrich.domain.values import Json

__all__ = [
    "breaker_key",
    "digest",
    "digests",
    "folded",
    "input_key",
    "input_keys",
    "provider_of",
    "redis_key",
]

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
    return _hashed(_framed(parts))


def digests(first: str, rest: Sequence[tuple[str, str]]) -> list[str]:
    """Hash many parts that begin alike, each as `digest` does: a table's cells, say."""
    before = _framed((first,))
    # A row has several cells, and a column many.
    framed = {part: _framed((part,)) for part in {*chain.from_iterable(rest)}}
    return [_hashed(f"{before}{framed[one]}{framed[other]}") for one, other in rest]


def _framed(parts: Iterable[str]) -> str:
    return "".join(
        [f"{len(part) if part.isascii() else len(_bytes(part))}:{part}" for part in parts]
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _hashed(framed: str) -> str:
    return hashlib.sha256(_bytes(framed)).hexdigest()[:32]


def input_key(tenant: str, provider: str, version: str, inputs: Mapping[str, Json]) -> str:
    """Name one question: who asks whom about what."""
    return input_keys(tenant, provider, version, (inputs,))[0]


def input_keys(
    tenant: str, provider: str, version: str, asked: Iterable[Mapping[str, Json]]
) -> list[str]:
    """Name many questions to one provider."""
    before = _framed((tenant, provider, version))
    return [
        _hashed(before + "".join([_input(name, inputs[name]) for name in sorted(inputs)]))
        for inputs in asked
    ]


#: Longer texts are hardly asked about twice, and remembering them takes room.
_LONGEST = 100


def _input(name: str, value: Json) -> str:
    # Numbers are not remembered: 1 and True are equal, and not the same.
    if type(value) is str and len(value) <= _LONGEST:
        return _text_input(name, value)
    return _framed((name, _ENCODER.encode(folded(value))))


@lru_cache(maxsize=4096)
def _text_input(name: str, text: str) -> str:
    """Write a text as parts of a key; remembered, as several providers are asked with it."""
    return _framed((name, _ENCODER.encode(folded(text))))


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
