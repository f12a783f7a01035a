"""A task as a message of Celery's protocol, version 2, as Kombu lays it into a Redis list. Pure."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["content_of", "message_text"]

_FOLLOWS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def content_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Give what a message's body is the JSON of."""
    return [args, kwargs, _FOLLOWS]


def message_text(
    body: str, *, task: str, task_id: str, tag: str, queue: str, headers: Mapping[str, Any]
) -> str:
    """Write a message; `headers` are those that differ: `ignore_result`, `origin`, what is shown.

    `tag` names this delivery: two messages of one tag are one to whoever acknowledges them.
    """
    envelope = {
        "body": b64encode(body.encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {**_plain_headers(task, task_id), **headers},
        "properties": {
            "correlation_id": task_id,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "delivery_mode": 2,
            "delivery_tag": tag,
            "body_encoding": "base64",
            "priority": 0,
        },
    }
    return json.dumps(envelope)


def _plain_headers(task: str, task_id: str) -> Mapping[str, Any]:
    return {
        "lang": "py",
        "task": task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "eta": None,
        "expires": None,
        "timelimit": [None, None],
    }
