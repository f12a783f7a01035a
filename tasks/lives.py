"""What a worker does at the beginning and the end of its life, so that its work goes on at once.

A worker that was killed has left batches under leases, and messages that it had fetched. Whoever
comes under its name lets the batches go, and they are sent again; the messages it puts back where
they came from. Nobody waits for leases or timeouts. One that is asked to end finishes what it can
within `ENRICH_RUNS__DRAIN_SECONDS`, and hands back the rest.
"""

import logging
import os
import threading
from typing import Any

from celery import signals
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from enrich.bootstrap import settings
from enrich.errors import EnrichError
from tasks.services import close, holder, services
from tasks.steps import sweep

__all__: list[str] = []

log = logging.getLogger("enrich.tasks")

#: How long an end in good order may take after what was left has been handed back.
_LAST_S = 2.0

_began = threading.Event()
_ended = threading.Event()


def _begin(sender: Any, **_: Any) -> None:
    """Take over from the last life of this name, once: a consumer is ready after each reconnect."""
    if not _began.is_set():
        _began.set()
        # Before the first message is fetched: what this life will hold has the same name.
        _end_leases(is_lost=True)
        _give_back_messages(sender)
        threading.Thread(target=_take_over, name="enrich-begin", daemon=True).start()


def _give_back_messages(consumer: Any) -> None:
    # Kombu's own transport does not know who has fetched what.
    take_over = getattr(consumer.task_consumer.channel, "take_over", None)
    try:
        count = take_over() if take_over else 0
    except (RedisError, KombuError, OSError) as exc:
        log.warning("messages.left_to_timeout", extra={"error": str(exc)})
        return
    if count:
        log.info("messages.taken_over", extra={"messages": count})


def _take_over() -> None:
    _sweep()  # also for leases that ran out while nobody was there to sweep
    services().warm()


def _drain(how: str = "", **_: Any) -> None:
    patience_s = 0.0 if how == "Cold" else settings().runs.drain_seconds
    threading.Thread(target=_hand_back, args=(patience_s,), daemon=True).start()


def _hand_back(patience_s: float) -> None:
    """Wait for what is under way; let others have what takes longer, and end."""
    if _ended.wait(patience_s):
        return
    _let_go()
    if not _ended.wait(_LAST_S):
        services().metrics.flush()
        services().parts.tracer.flush()
        # Threads that ask cannot be stopped; whatever they write from now on is of an old attempt.
        os._exit(0)


def _end(**_: Any) -> None:
    """Hand back what others wait for: parts of ours that were fetched and not begun."""
    _ended.set()
    _let_go()
    close()


def _let_go() -> None:
    if _end_leases(is_lost=False):
        _sweep()


def _end_leases(*, is_lost: bool) -> int:
    try:
        held = services().parts.runs.let_go(holder(), is_lost=is_lost)
    except EnrichError as exc:
        # Their leases run out by themselves.
        log.warning("batches.left_to_leases", extra={"error": str(exc)})
        return 0
    if held:
        log.info("batches.handed_on", extra={"batches": held, "is_lost": is_lost})
    return held


def _sweep() -> None:
    try:
        sweep()
    except EnrichError as exc:
        log.warning("batches.left_to_leases", extra={"error": str(exc)})


# Celery keeps weak references: these functions live as long as the module.
signals.worker_ready.connect(_begin)
signals.worker_shutting_down.connect(_drain)
signals.worker_shutdown.connect(_end)
