"""Answers that a provider sends by itself, to an address that it was told with the question.

The address holds a name that nobody can guess and its signature: what was not made here is told
apart before anybody looks for it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

__all__ = [
    "Callback",
    "NewCallback",
    "Receipt",
    "Received",
    "name_in",
    "name_of_ticket",
    "new_name",
    "signed_name",
    "ticket_of",
]

_NAME_BYTES = 16
_LONGEST = 200
#: Sets our own names apart from the tokens that providers give.
_TICKET = "callback-"


class Receipt(StrEnum):
    """What became of something that was sent to us."""

    TAKEN = "taken"
    #: It came twice, too late, or after its run had ended: nothing was changed.
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of it, and how many batches it has woken."""

    receipt: Receipt
    provider: str = ""
    woken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCallback:
    """An answer that is about to be waited for, for `wait_s` at most.

    `calls` names the paid calls that it answers, each with the key of its row within the answer.
    """

    name: str
    tenant: str
    run_id: int
    provider: str
    rows: tuple[int, ...]
    wait_s: float
    calls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """How an answer that was waited for stands; `body` is None until it is there."""

    name: str
    expires_at: datetime
    is_late: bool
    body: bytes | None = field(default=None, repr=False)
    content_type: str = ""
    answered_at: datetime | None = None


def new_name() -> str:
    """Make a name that nobody can guess."""
    return secrets.token_hex(_NAME_BYTES)


def signed_name(name: str, secret: str) -> str:
    """Give what stands in the address: the name and its signature."""
    return f"{name}.{_signature(name, secret)}"


def name_in(signed: str, secret: str) -> str | None:
    """Give the name of a signed one; None when it is not ours."""
    name, _, signature = signed.partition(".")
    if len(signed) > _LONGEST or not signed.isascii():
        return None
    return name if hmac.compare_digest(signature, _signature(name, secret)) else None


def ticket_of(name: str, key: str = "") -> str:
    """Give the token by which a row's answer is found again, in the form of `Query.token`."""
    return f"{key}@{_TICKET}{name}"


def name_of_ticket(job: str) -> str | None:
    """Give the name within a query's job; None when a provider gave it."""
    return job.removeprefix(_TICKET) if job.startswith(_TICKET) else None


def _signature(name: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"callback {name}".encode(), hashlib.sha256).hexdigest()
