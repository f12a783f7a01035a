"""Tell webhooks of ends: sign, send, and put back what did not arrive."""

import json
import logging
import random
import secrets
from collections.abc import Callable

from enrich.domain.endings import endings_of
from enrich.domain.secret import Secret
from enrich.domain.webhook import Delivery, TellPolicy, Webhook, headers_of, retry_in_s
from enrich.engine.desk import Desk
from enrich.engine.report import finished_report
from enrich.errors import UnknownNameError
from enrich.ports import Clock, Finished
from enrich.ports.webhooks import Messenger

__all__ = ["add_webhook", "note_end", "tell"]

log = logging.getLogger("enrich.engine")

_SECRET_BYTES = 32
#: The commonest: there may be as many reasons as rows.
_REASONS = 20
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


def note_end(
    desk: Desk, finished: Finished, *, is_news: Callable[[str], bool], is_logged: bool = True
) -> int:
    """Report a run's end to the log and to its tenant's webhooks; gives how many are to be told.

    `is_news` says whether an end, by its name, has not been logged yet: whoever may be the only one
    left to tell of it tells it again. `is_logged` False is for those whose caller gets every cell:
    they are many and small.
    """
    tenant, listeners = desk.webhooks.listeners(finished.run_id)
    if not tenant or not (listeners or is_logged):
        return 0
    runs = desk.parts.runs
    try:
        summary = runs.summary(tenant, finished.run_id)
    except UnknownNameError:
        return 0
    report = finished_report(summary, endings_of(summary.counts)[:_REASONS])
    if is_logged and is_news(f"{finished.run_id}-{report['finished_at']}"):
        log.info("run.finished", extra={**report, "tenant": tenant, "metric": "run.finished"})
    return desk.webhooks.note_run(finished.run_id, report) if listeners else 0


def tell(desk: Desk) -> int:
    """Send the messages whose moment has come; gives how many arrived."""
    policy, arrived = desk.policy.telling, 0
    for delivery in desk.webhooks.take_due(lease_s=policy.timeout_s * 60):
        reason = _sent(desk.messenger, delivery, desk.parts.clock, policy)
        retry_s = retry_in_s(delivery.attempts, policy, random.random())  # noqa: S311 - jitter
        desk.webhooks.note(delivery.tenant, delivery.id, reason=reason, retry_s=retry_s)
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
