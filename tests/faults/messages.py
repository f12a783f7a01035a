"""Messages in Celery's format, as producers without this code make them, whole and broken."""

import base64
import json
import uuid
from typing import Any

__all__ = ["body_of", "message_of"]


def body_of(*args: Any, **kwargs: Any) -> str:
    """Encode arguments as Celery does."""
    return base64.b64encode(json.dumps([args, kwargs, {}]).encode()).decode()


def message_of(
    task: str,
    *args: Any,
    queue: str,
    headers: dict[str, Any] | None = None,
    body: str | None = None,
    content_type: str = "application/json",
) -> str:
    """Build a message for a queue; `headers` are laid over those of Celery."""
    name = str(uuid.uuid4())
    usual = {"lang": "py", "task": task, "id": name, "root_id": name, "retries": 0}
    return json.dumps(
        {
            "body": body_of(*args) if body is None else body,
            "content-encoding": "utf-8",
            "content-type": content_type,
            "headers": usual | (headers or {}),
            "properties": {
                "correlation_id": name,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )
