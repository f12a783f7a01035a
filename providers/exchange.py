"""What goes to a provider and what comes back, as values: calls, replies, faults."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import NoReturn

from enrich.domain.outcome import InvalidInput, Malformed, Unavailable
from enrich.domain.values import Json

__all__ = ["HttpCall", "HttpFault", "NotJsonError", "Reply", "parse_json"]

DEPTH_MAX = 64
DIGITS_MAX = 40
ITEMS_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """One request. What names the asker stands apart, and is never shown.

    Attributes:
        secret_headers, secret_query: the credential; added when the request leaves.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_query: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: names of headers in small letters, the body decoded and within its limits.

    `calls` is how many requests it took.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    at: datetime
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFault:
    """Why there is no reply. `is_sent` says whether the provider may have got the last request.

    `calls` is how many requests it may have got in all.
    """

    outcome: Unavailable | Malformed | InvalidInput
    is_sent: bool = True
    calls: int = 1


class NotJsonError(ValueError):
    """A body is not JSON that we take; says why, without quoting it."""


def parse_json(body: bytes) -> Json:
    """Read JSON that is UTF-8, not too deep, and holds finite numbers of a sensible length.

    Raises:
        NotJsonError: it is not such.
    """
    if body.count(b",") > ITEMS_MAX:
        raise NotJsonError("too many items")
    try:
        text = body.decode("utf-8-sig")
        document: Json = json.loads(
            text, parse_constant=_no_number, parse_int=_integer, parse_float=_finite
        )
    except NotJsonError:
        raise
    except RecursionError:
        raise NotJsonError("too deep") from None
    except ValueError:
        raise NotJsonError("not JSON") from None
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _depth(document) > DEPTH_MAX:
        raise NotJsonError("too deep")
    return document


def _no_number(_: str) -> NoReturn:
    raise NotJsonError("a number that is none")


def _integer(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise NotJsonError("a number with too many digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise NotJsonError("a number that is not finite")
    return number


def _depth(document: Json) -> int:
    """Give the depth of lists and objects, without recursion."""
    deepest, left = 0, deque([(document, 1)])
    while left:
        item, depth = left.pop()
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        if isinstance(item, dict | list):
            deepest = max(deepest, depth)
        left.extend((each, depth + 1) for each in inner if isinstance(each, dict | list))
    return deepest
