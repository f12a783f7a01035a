"""What a log must not hold: secrets by their value, and by what stands around them."""

import re
import threading
from collections.abc import Mapping
from math import isfinite

__all__ = ["HIDDEN", "redacted", "register_secret"]

HIDDEN = "[hidden]"
#: Shorter ones would blot out ordinary words.
_SECRET_CHARS_MIN = 8
_DEPTH_MAX = 8

_NAMES = r"(?:x-)?api[_-]?key|(?:\w{1,20}[_-])?token|passw(?:or)?d|pwd|(?:client[_-]?)?secret"
_PATTERNS = (
    # The whole credential of a header, whatever its scheme.
    re.compile(r"""(?i)(\bauthorization["']?\s*[:=]\s*["']?)[^\r\n"',;}]+"""),
    re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]{8,}"),
    re.compile(rf"""(?i)(\b(?:{_NAMES})["']?\s*[:=]\s*["']?)[^\s"'&,;}}]+"""),
    # The password of an address: scheme://user:password@host.
    re.compile(r"(://[^\s/:@]{0,256}:)[^\s/@]{1,256}(?=@)"),
)
_SECRET_NAME = re.compile(rf"(?i)^(?:authorization|cookie|set-cookie|.*(?:{_NAMES}))$")

# Replaced whole, so that readers need no lock.
_lock = threading.Lock()
_secrets: tuple[str, ...] = ()


def register_secret(value: str) -> None:
    """Hide this value from now on, wherever it turns up; under 8 characters it is ignored."""
    global _secrets
    if len(value) < _SECRET_CHARS_MIN:
        return
    with _lock:
        # Longest first: a secret may hold another one.
        _secrets = tuple(sorted({*_secrets, value}, key=lambda s: (-len(s), s)))


def redacted(value: object, *, name: str = "", depth: int = 0) -> object:
    """Give a copy that JSON can hold and that shows no secret.

    `name` is the field's: one that sounds like a secret hides its value whole.
    """
    if name and _SECRET_NAME.match(name) and value is not None:
        return HIDDEN
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if depth < _DEPTH_MAX and isinstance(value, Mapping):
        return {
            str(_text(str(key))): redacted(item, name=str(key), depth=depth + 1)
            for key, item in value.items()
        }
    if depth < _DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
        return [redacted(item, depth=depth + 1) for item in value]
    return _text(str(value))


def _text(text: str) -> str:
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
