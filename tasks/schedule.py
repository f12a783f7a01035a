"""What beat asks for by the clock beside the sweep: runs of schedules, and numbers for the log.

Any number of beats may run: a moment of a schedule is taken in PostgreSQL by one of those who ask
at once, and the numbers are told once a period.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from enrich.domain.metric_events import counted_events, named_ms, standing_events
from enrich.domain.metrics import worst_states
from enrich.engine.requests import begin_requests
from enrich.engine.schedules import begin_due
from enrich.settings import MonitoringSettings
from enrich.state.broker import queue_depths
from enrich.state.link import RedisLink
from enrich.state.metrics_news import MetricsNews
from enrich.telemetry.cloud import CloudMonitoring
from tasks.app import app
from tasks.canvas import CeleryDispatcher
from tasks.replies import answer_run
from tasks.services import services
from tasks.settings import OBSERVE_EVERY_S, QUEUES

__all__ = ["ledger", "observe", "requests", "schedule"]

log = logging.getLogger("enrich.metrics")

#: So many months may pass without anybody who makes parts of the ledger.
_MONTHS_AHEAD = 2

_dispatcher = CeleryDispatcher(app)


@app.task(name="enrich.schedule")
def schedule() -> int:
    """Begin the runs whose moment has come; gives how many moments were taken."""
    own = services()
    taken = begin_due(own.parts, own.schedules)
    for began in taken:
        _dispatcher.dispatch(began.steps)
        if began.finished is not None:
            answer_run(app, own, began.finished)
    return len(taken)


@app.task(name="enrich.requests")
def requests() -> int:
    """Begin what was asked for by SQL; gives how many requests were taken."""
    own = services()
    begun = begin_requests(own.parts, own.requests)
    _dispatcher.dispatch(begun.steps)
    return begun.taken


@app.task(name="enrich.ledger")
def ledger() -> int:
    """Make the parts of the ledger for the months to come; gives how many were made."""
    return services().parts.runs.extend_ledger(months=_MONTHS_AHEAD)


@app.task(name="enrich.observe")
def observe() -> bool:
    """Log what all processes counted since the last time; False when that was a moment ago."""
    own = services()
    link = RedisLink(own.endpoints.redis_url, is_silent=True)
    broker = RedisLink(own.endpoints.broker_url, is_silent=True)
    try:
        news = MetricsNews(link, version=own.settings.cache.version).since_last(
            period_s=OBSERVE_EVERY_S * 0.9
        )
        if news is None:
            return False
        breakers = own.parts.breakers
        states = worst_states(breakers.status(breakers.known()))
        events = [
            *counted_events(news.sums, news.seconds),
            *standing_events(queue_depths(broker, QUEUES), states),
        ]
    finally:
        link.close()
        broker.close()
    events += [
        {"metric": "run.ended", "tenant": ended.tenant, "completed": ended.completed,
         "cancelled": ended.cancelled, **named_ms(ended.took_s)}
        for ended in own.board.ended(within_s=news.seconds)
    ]  # fmt: skip
    for event in events:
        log.info(str(event["metric"]), extra=event)
    _export(own.settings.monitoring, events, seconds=news.seconds)
    return True


def _export(
    wish: MonitoringSettings, events: Sequence[Mapping[str, Any]], *, seconds: float
) -> None:
    """Send to the cloud what was logged, where that is wanted."""
    if wish.project is None:
        return
    cloud = CloudMonitoring(wish.project, prefix=wish.prefix, endpoint=wish.endpoint or "")
    try:
        cloud.send(events, datetime.now(UTC), seconds=seconds)
    finally:
        cloud.close()
