"""Health: whether this process lives, whether it can work, and what it sees of the rest."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from enrich.api.asked import Answer, Own, Queue, Reading
from enrich.bootstrap import Services
from enrich.domain.values import JsonObject
from enrich.errors import DependencyError, EnrichError
from enrich.store.migrate import pending

__all__ = ["Availability", "router"]

log = logging.getLogger("enrich.api")
router = APIRouter(tags=["health"])

_PATIENCE_S = 2.0
T = TypeVar("T")


class Availability:
    """Remembers what was up at the last look, and logs when it changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._were: dict[str, bool] = {}

    def note(self, now: Mapping[str, bool]) -> None:
        """Take what is up now."""
        with self._lock:
            before, self._were = self._were, dict(now)
        for part, up in now.items():
            if before.get(part, True) != up:
                say = log.info if up else log.warning
                say(f"health.{part}", extra={"metric": f"health.{part}", "up": up})


@router.get("/health/live")
def live() -> Answer:
    """Answer that the process answers."""
    return {"status": "ok"}


@router.get("/health")
@router.get("/health/ready")
def ready(request: Request, answer: Response, own: Own, queue: Queue) -> Answer:
    """Say whether work can be taken: 200, or 503 with what is down."""
    checks: Mapping[str, Callable[[], object]] = {
        "postgres": lambda: _check_schema(own),
        "redis": queue.check,
    }
    up = _looked_at(request.app.state.looks, checks)
    request.app.state.availability.note(up)
    answer.status_code = 200 if all(up.values()) else 503
    checked: JsonObject = {part: "up" if is_up else "down" for part, is_up in up.items()}
    return {"status": "ok" if all(up.values()) else "unavailable", **checked}


@router.get("/health/details")
def details(_: Reading, own: Own, queue: Queue) -> Answer:
    """Tell what waits and who works, for those who may know; null is what cannot be told now."""
    waiting = own.board.waiting()
    return {
        "batches": dict(waiting.batches),
        "oldest_batch_s": waiting.oldest_s,
        "queues": _or_none(lambda: dict(queue.depths())),
        "parked": _or_none(queue.parked),
        "workers": _or_none(queue.workers),
        "migrations_pending": list(pending(own.endpoints.database_url)),
    }


def _or_none(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except DependencyError:
        return None


def _check_schema(own: Services) -> None:
    if lacking := pending(own.endpoints.database_url):
        raise EnrichError(f"the database lacks {len(lacking)} migrations")


def _looked_at(
    pool: ThreadPoolExecutor, checks: Mapping[str, Callable[[], object]]
) -> dict[str, bool]:
    looks = {part: pool.submit(check) for part, check in checks.items()}
    up = {}
    for part, look in looks.items():
        try:
            look.result(timeout=_PATIENCE_S)
            up[part] = True
        except (EnrichError, LateError):
            up[part] = False
    return up
