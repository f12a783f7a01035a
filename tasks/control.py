"""What a worker does by remote control: Celery's commands, with a bound where they have none.

For every id of a revocation Celery asks the keeper of results, one after the other, in the thread
that fetches messages: sixty thousand of them keep a worker from its work for half a minute. The
revoked ids themselves are bounded by Celery, at fifty thousand; what is revoked by stamps is not,
and nothing here is stamped.
"""

import logging
from typing import Any

from celery.worker.control import Panel

__all__ = ["MOST_REVOKED", "revoke"]

log = logging.getLogger("enrich.tasks")

#: So many ids may be revoked by one command.
MOST_REVOKED = 500
_revoke_all = Panel.data["revoke"]


def revoke(state: Any, task_id: str | list[str], **options: Any) -> Any:
    """Revoke tasks by their ids; a list that would stall the worker is refused as a whole."""
    if isinstance(task_id, list) and len(task_id) > MOST_REVOKED:
        log.warning("control.refused", extra={"command": "revoke", "ids": len(task_id)})
        problem = f"revoke: {len(task_id)} task ids; {MOST_REVOKED} at a time are allowed"
        return {"error": f"{problem}. `enrich cancel` ends a whole run"}
    return _revoke_all(state, task_id, **options)


Panel.data["revoke"] = revoke
for _registered in (Panel.data, Panel.meta):
    _registered.pop("revoke_by_stamped_headers", None)
