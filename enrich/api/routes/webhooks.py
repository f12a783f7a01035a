"""Webhooks: who is told of ends, what was told, and telling it again."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from enrich.api.asked import Answer, Operating, Own, Queue, Reading
from enrich.api.listing import Listing, Paging, page_of
from enrich.api.models import WebhookWish
from enrich.api.reading import StrictRoute
from enrich.domain.values import JsonObject
from enrich.domain.webhook import Delivery, Webhook
from enrich.engine.telling import add_webhook
from enrich.errors import UnknownNameError

__all__ = ["router"]

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=StrictRoute)

Id = Annotated[str, Path(min_length=1, max_length=100)]
DeliveryId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("", status_code=201)
def add(wish: WebhookWish, who: Operating, own: Own) -> Answer:
    """Have an address told when a job or run ends; the secret is shown this once."""
    webhook, secret = add_webhook(own.desk, who.tenant, wish.url)
    return {**_webhook_json(webhook), "secret": secret.reveal()}


@router.get("")
def list_webhooks(who: Reading, own: Own) -> Answer:
    """List the tenant's webhooks."""
    return {"items": [_webhook_json(each) for each in own.desk.webhooks.all(who.tenant)]}


@router.delete("/{webhook_id}", status_code=204)
def remove(webhook_id: Id, who: Operating, own: Own) -> Response:
    """Forget a webhook, with what it has not been told yet."""
    if not own.desk.webhooks.remove(who.tenant, webhook_id):
        raise UnknownNameError("webhook", webhook_id)
    return Response(status_code=204)


@router.get("/{webhook_id}/deliveries")
def list_deliveries(webhook_id: Id, who: Reading, own: Own, paging: Paging) -> Listing:
    """List a webhook's messages, newest first; those that are dead say why."""
    of = f"deliveries:{webhook_id}"
    found = own.desk.webhooks.deliveries(
        who.tenant, webhook_id, limit=paging.limit + 1, before=paging.place(who.tenant, of)
    )
    items = [_delivery_json(each) for each in found]
    return page_of(items, [each.id for each in found], paging, tenant=who.tenant, of=of)


@router.post("/deliveries/{delivery_id}/replay", status_code=202)
def replay(delivery_id: DeliveryId, who: Operating, own: Own, queue: Queue) -> Answer:
    """Send a message again."""
    if not own.desk.webhooks.replay(who.tenant, delivery_id):
        raise UnknownNameError("delivery", str(delivery_id))
    queue.notify()
    return {"delivery": delivery_id, "state": "waiting"}


def _webhook_json(webhook: Webhook) -> JsonObject:
    return {"id": webhook.id, "url": webhook.url, "createdAt": webhook.created_at.isoformat()}


def _delivery_json(delivery: Delivery) -> JsonObject:
    return {
        "id": delivery.id,
        "event": delivery.event,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "reason": delivery.reason,
        "createdAt": delivery.created_at.isoformat(),
        "body": delivery.body,
    }
