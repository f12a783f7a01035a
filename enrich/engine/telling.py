"""Tell webhooks of ends: sign, send, and put back what did not arrive."""

import json
import logging
import random
import secrets

from enrich.domain.secret import Secret
from enrich.domain.webhook import Delivery, TellPolicy, Webhook, headers_of, retry_in_s
from enrich.engine.desk import Desk
from enrich.ports import Clock
from enrich.ports.webhooks import Messenger

__all__ = ["add_webhook", "tell"]

log = logging.getLogger("enrich.engine")

_SECRET_BYTES = 32
_UNREADABLE = "what it is signed with cannot be opened"


def add_webhook(desk: Desk, tenant: str, url: str) -> tuple[Webhook, Secret]:
    """Keep an address to be told of ends; gives it with the secret that messages are signed with.

    Raises:
        BadInputError: no message goes to such an address.
        SealedError: there is nothing to seal the secret with.
    """
    desk.messenger.check(url)
    secret = Secret(f"whsec_{secrets.token_urlsafe(_SECRET_BYTES)}")
    return desk.webhooks.add(tenant, url, secret), secret


def tell(desk: Desk) -> int:
    """Send the messages whose moment has come; gives how many arrived."""
    policy, arrived = desk.policy.telling, 0
    for delivery in desk.webhooks.take_due(lease_s=policy.timeout_s * 60):
        reason = _sent(desk.messenger, delivery, desk.parts.clock, policy)
        retry_s = retry_in_s(delivery.attempts, policy, random.random())  # noqa: S311 - jitter
        desk.webhooks.note(delivery.id, reason=reason, retry_s=retry_s)
        arrived += not reason
        if reason:
            is_dead = retry_s is None
            extra = {"delivery": delivery.id, "reason": reason, "dead": is_dead}
            log.warning("webhook.failed", extra=extra)
    return arrived


def _sent(messenger: Messenger, delivery: Delivery, clock: Clock, policy: TellPolicy) -> str:
    if delivery.secret is None:
        return _UNREADABLE
    whole = {
        "id": delivery.id,
        "type": delivery.event,
        "createdAt": delivery.created_at.isoformat(),
        **delivery.body,
    }
    body = json.dumps(whole, separators=(",", ":")).encode()
    headers = headers_of(delivery, body, clock.now())
    return messenger.send(delivery.url, headers, body, timeout_s=policy.timeout_s)
