"""What a cache entry looks like as bytes.

    e1 │ P or N │ confidence in 1/1000 │ life in ms │ of it stale in ms │ checksum │ JSON
    2    1        4 digits               13 digits     13 digits           8 bytes

The life counts from storing to the end of the stale time. The checksum covers the key too, so an
entry that got under a wrong key, or a reply that got to a wrong question, is unreadable. The digits
before it are for the Lua scripts. Nothing is ever unpickled.
"""

from dataclasses import dataclass
from hashlib import blake2b

import orjson

from enrich.domain.values import Json
from enrich.ports.shared import CacheEntry

__all__ = ["Envelope", "ForeignError", "UnreadableError", "decode", "encode", "is_outdone"]

_MAGIC = b"e1"
_HEAD = 33
_BODY = _HEAD + 8


class UnreadableError(Exception):
    """These bytes are damaged, or were not made by us."""


class ForeignError(UnreadableError):
    """These bytes are of another version of the envelope: somebody else can read them."""


# Not frozen, as other values that come by the million.
@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Envelope:
    """A decoded entry; its lifetimes in milliseconds, as Redis counts them."""

    payload: Json
    negative: bool
    reason: str
    life_ms: int
    stale_ms: int
    soft_ttl_ms: int | None
    took_ms: int | None


def encode(key: str, entry: CacheEntry, *, ttl_s: float) -> tuple[int, bytes]:
    """Encode an entry that counts as known for `ttl_s`; gives its life in ms and the bytes.

    Raises:
        TypeError: the payload is not JSON (or holds an integer beyond 64 bits).
    """
    stale_ms = _ms(entry.stale_ttl_s)
    life_ms = max(1, _ms(ttl_s)) + stale_ms
    sign = "N" if entry.negative else "P"
    head = f"e1{sign}{_thousandths(entry):04d}{life_ms:013d}{stale_ms:013d}".encode()
    body = orjson.dumps(
        [entry.payload, entry.reason, _ms_or_none(entry.soft_ttl_s), _ms_or_none(entry.took_s)]
    )
    checksum = blake2b(head + key.encode() + body, digest_size=8).digest()
    return life_ms, head + checksum + body


def decode(key: str, raw: bytes) -> Envelope:
    """Decode what `encode` made for the same key.

    Raises:
        ForeignError: another version made it.
        UnreadableError: it is not what was stored.
    """
    if raw[:2] != _MAGIC:
        raise (ForeignError if raw[:1] == b"e" and raw[1:2].isdigit() else UnreadableError)
    head, body = raw[:_HEAD], raw[_BODY:]
    if raw[_HEAD:_BODY] != blake2b(head + key.encode() + body, digest_size=8).digest():
        raise UnreadableError
    # The checksum has held: from here on the shape is what `encode` wrote.
    payload, reason, soft_ttl_ms, took_ms = orjson.loads(body)
    return Envelope(
        payload=payload,
        negative=head[2:3] == b"N",
        reason=reason,
        life_ms=int(head[7:20]),
        stale_ms=int(head[20:33]),
        soft_ttl_ms=soft_ttl_ms,
        took_ms=took_ms,
    )


def is_outdone(raw: bytes, *, by: bytes, left_ms: float) -> bool:
    """Say whether `by`, with `left_ms` of its life left, is a known positive of more confidence."""
    known = by[2:3] == b"P" and left_ms > int(by[20:33])
    return known and int(by[3:7]) > int(raw[3:7])


def _thousandths(entry: CacheEntry) -> int:
    sure = 0.0 if entry.negative else 1.0
    return round(1000 * (sure if entry.confidence is None else entry.confidence))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _ms_or_none(seconds: float | None) -> int | None:
    return None if seconds is None else _ms(seconds)
