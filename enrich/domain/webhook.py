"""Webhooks: who is told of ends, how a message is signed, and when it is tried again."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from enrich.domain.secret import Secret
from enrich.domain.values import JsonObject

__all__ = [
    "SIGNATURE",
    "Delivery",
    "TellPolicy",
    "Webhook",
    "headers_of",
    "retry_in_s",
    "signature_of",
]

#: The header whose value a receiver checks: `t=<seconds>,v1=<HMAC-SHA256 in hex>`.
SIGNATURE = "X-Enrich-Signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class TellPolicy:
    """How often a message is tried, and how long the first and the longest pauses are."""

    max_attempts: int = 10
    first_pause_s: float = 10.0
    longest_pause_s: float = 3_600.0
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address of a tenant's that is told of the ends of its jobs and runs."""

    id: str
    tenant: str
    url: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message to a webhook; `attempts` counts this one. `secret` is None when it stays sealed."""

    id: int
    tenant: str
    webhook: str
    url: str
    secret: Secret | None
    event: str
    body: JsonObject
    state: str
    attempts: int
    reason: str
    created_at: datetime


def signature_of(secret: Secret, body: bytes, at: datetime) -> str:
    """Sign a body with its moment: who keeps an old message cannot send it later as new."""
    seconds = int(at.timestamp())
    signed = hmac.new(secret.reveal().encode(), b"%d." % seconds + body, hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"


def headers_of(delivery: Delivery, body: bytes, at: datetime) -> Mapping[str, str]:
    """Give the headers of a message; its id is the same in every attempt."""
    signed = {SIGNATURE: signature_of(delivery.secret, body, at)} if delivery.secret else {}
    return {
        "Content-Type": "application/json",
        "X-Enrich-Event": delivery.event,
        "X-Enrich-Delivery": str(delivery.id),
        **signed,
    }


def retry_in_s(attempts: int, policy: TellPolicy, draw: float) -> float | None:
    """Say when to try again after so many attempts; None when that was the last.

    `draw` within 0 and 1 spreads the pauses over half to one and a half of their length.
    """
    if attempts >= policy.max_attempts:
        return None
    pause_s = min(policy.longest_pause_s, policy.first_pause_s * 2.0 ** (attempts - 1))
    return pause_s * (0.5 + draw)
