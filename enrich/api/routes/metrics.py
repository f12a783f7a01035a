"""Numbers: for people and programs as JSON, for Prometheus as text."""

import hmac
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

from fastapi import APIRouter, Request, Response

from enrich.api.asked import Answer, Broker, Own, Queue
from enrich.api.asked import Reading as Asking
from enrich.api.exposition import CONTENT_TYPE_LATEST, Reading, exposed
from enrich.api.problems import ProblemError
from enrich.bootstrap import Services
from enrich.domain.metrics import worst_states
from enrich.domain.values import credits_of
from enrich.errors import EnrichError
from enrich.ports.board import Spent
from enrich.settings import ApiSettings, is_loopback
from enrich.state.metrics import read_metrics

__all__ = ["router"]

log = logging.getLogger("enrich.api")
router = APIRouter(tags=["metrics"])

_STATES = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
_REDIS_UP = Reading("enrich_up", 1.0, {"server": "redis"})
_ENDS = ("filled", "not_found", "pending", "failed", "skipped")


@router.get("/v1/metrics")
def numbers(_: Asking, own: Own) -> Answer:
    """Give the counters of all workers together, and the health of each provider."""
    metrics = read_metrics(own.metrics, own.parts.breakers)
    return {**asdict(metrics), "cache_hit_rate": metrics.cache_hit_rate}


@router.get("/metrics", response_class=Response)
def prometheus(request: Request, own: Own, queue: Queue) -> Response:
    """Tell Prometheus of all processes together; what is away is left out, and `enrich_up` is 0."""
    _check_reader(own.settings.api, request.headers.get("authorization", ""))
    readings = _readings(request.app.state.looks, own, queue)
    # This process alone would tell far less: a counter that falls and rises again looks like news.
    sums = own.metrics.read() if _REDIS_UP in readings else None
    return Response(exposed(sums, readings), media_type=CONTENT_TYPE_LATEST)


def _check_reader(own: ApiSettings, sent: str) -> None:
    if own.metrics_token is None:
        if not is_loopback(own.host):
            raise ProblemError(
                403, "metrics are not told off loopback: set ENRICH_API__METRICS_TOKEN"
            )
        return
    wanted = f"Bearer {own.metrics_token.get_secret_value()}"
    if not hmac.compare_digest(sent.encode(), wanted.encode()):
        raise ProblemError(
            401,
            "send `Authorization: Bearer` with the token of ENRICH_API__METRICS_TOKEN",
            headers={"WWW-Authenticate": 'Bearer realm="enrich"'},
        )


def _readings(pool: ThreadPoolExecutor, own: Services, queue: Broker) -> list[Reading]:
    """Look at all servers at once; one that is away costs its own numbers only."""
    looks: tuple[tuple[str, Callable[[], list[Reading]]], ...] = (
        ("postgres", partial(_from_postgres, own)),
        ("broker", partial(_from_broker, queue)),
        ("redis", partial(_from_redis, own)),
        ("workers", partial(_from_workers, queue)),
    )
    begun = [(server, pool.submit(look)) for server, look in looks]
    found: list[Reading] = []
    for server, look in begun:
        try:
            found += look.result()
            is_up = True
        except EnrichError as exc:
            log.warning("metrics.left_out", extra={"server": server, "error": str(exc)})
            is_up = False
        if server != "workers":
            found.append(Reading("enrich_up", float(is_up), {"server": server}))
    return found


def _from_postgres(own: Services) -> list[Reading]:
    waiting = own.board.waiting()
    return [
        Reading("enrich_oldest_batch_seconds", waiting.oldest_s),
        *_each("enrich_open_batches", "phase", waiting.batches.items()),
        *(reading for spent in own.board.spent() for reading in _of_tenant(spent)),
    ]


def _of_tenant(spent: Spent) -> Iterator[Reading]:
    tenant = {"tenant": spent.tenant}
    for end in _ENDS:
        ended = getattr(spent.counts, end)
        yield Reading("enrich_cells_ended_total", ended, {**tenant, "outcome": end})
    yield Reading("enrich_provider_calls_total", spent.counts.provider_calls, tenant)
    for name, number in sorted(spent.counts.answers.items()):
        provider, _, outcome = name.rpartition("/")
        answered = {**tenant, "provider": provider, "outcome": outcome}
        yield Reading("enrich_answers_total", number, answered)
    yield Reading("enrich_cost_credits_total", credits_of(spent.counts.cost_microcredits), tenant)
    yield Reading("enrich_spent_today_credits", credits_of(spent.today_microcredits), tenant)


def _from_broker(queue: Broker) -> list[Reading]:
    depths = _each("enrich_queue_messages", "queue", queue.depths().items())
    return [*depths, Reading("enrich_parked_messages", queue.parked())]


def _from_workers(queue: Broker) -> list[Reading]:
    return [Reading("enrich_workers", queue.workers())]


def _from_redis(own: Services) -> list[Reading]:
    own.check_redis()  # the breakers would answer from memory
    breakers = own.parts.breakers
    worst = worst_states(breakers.status(breakers.known()))
    states = ((provider, _STATES[state]) for provider, state in worst.items())
    return _each("enrich_breaker_state", "provider", states)


def _each(name: str, label: str, values: Iterable[tuple[str, float]]) -> list[Reading]:
    return [Reading(name, value, {label: of}) for of, value in values]
