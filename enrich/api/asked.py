"""What handlers are given: the services of the process, and who is asking."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Request, Response
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from enrich.api.access import allowed
from enrich.api.gathered import Gathered
from enrich.api.problems import ProblemError
from enrich.bootstrap import Services
from enrich.domain.access import Principal, Scope
from enrich.domain.run import Step
from enrich.engine.submit import Submitted
from enrich.errors import BrokerDownError
from enrich.state.broker import queue_depths
from enrich.state.link import LinkAwayError, RedisLink
from enrich.state.parked import ParkedMessages
from enrich.state.quota import Allowance
from tasks.app import app
from tasks.canvas import CeleryDispatcher
from tasks.replies import forget, notify, sweep_soon, take_on, tell_empty, tell_end
from tasks.settings import QUEUES

__all__ = ["Answer", "Broker", "Enriching", "Operating", "Own", "Queue", "Reading", "counted"]

log = logging.getLogger("enrich.api")

#: A JSON object, in a form that FastAPI can put into its OpenAPI.
Answer: TypeAlias = dict[str, Any]


class Broker:
    """The queue, as handlers need it: asked before work is stored, and told of it afterwards."""

    def __init__(self, link: RedisLink) -> None:
        self._link, self._dispatcher = link, CeleryDispatcher(app)

    def check(self) -> None:
        """Refuse work that cannot be sent now, before it is stored. Raises `BrokerDownError`."""
        try:
            self._link.do(lambda client: client.ping())
        except LinkAwayError as exc:
            raise BrokerDownError(
                "the broker does not answer; nothing was stored, ask again in a moment"
            ) from exc

    def depths(self) -> Mapping[str, int]:
        """Count the messages that wait, by queue. Raises `LinkAwayError`."""
        return queue_depths(self._link, QUEUES)

    def parked(self) -> int:
        """Count the messages that no task could be made of. Raises `LinkAwayError`."""
        return self._link.do(lambda client: ParkedMessages(client).count())

    def workers(self) -> int:
        """Count the workers that answer within a second. Raises `BrokerDownError`."""
        try:
            return len(app.control.ping(timeout=1.0) or ())
        except (OSError, OperationalError, RedisError) as exc:
            raise BrokerDownError("the broker does not answer") from exc

    def has_workers(self) -> bool:
        """Say whether any worker answers within a second; yes, where nobody can tell."""
        try:
            return bool(app.control.ping(timeout=1.0, limit=1))
        except (OSError, OperationalError, RedisError):
            return True

    def send(self, steps: Sequence[Step]) -> None:
        """Send the steps of what is stored; what the broker does not take now, the sweep sends."""
        try:
            self._dispatcher.dispatch(steps)
        except BrokerDownError as exc:
            log.warning("run.left_to_sweep", extra={"error": str(exc)})

    def take_on(self, jobs: Sequence[str]) -> None:
        """Have jobs that are stored begun; what the broker does not take now, the sweep sends."""
        take_on(app, jobs)

    def tell_empty(self, own: Services, begun: Submitted) -> None:
        """Have a run told of that ended as it began, because it found no rows."""
        tell_empty(app, own, begun)

    def tell_end(self, own: Services, run_id: int) -> None:
        """Have a run told of that has just ended; while the broker is away a late step does it."""
        with suppress(BrokerDownError):
            self.check()
            tell_end(app, own, run_id)

    def forget(self, waiting: Sequence[str]) -> None:
        """Take back the results that those who waited for runs were given."""
        forget(app, waiting)

    def notify(self) -> None:
        """Have what is due told now; the schedule does it otherwise."""
        notify(app)

    def sweep(self) -> None:
        """Have batches that were woken taken up now; the schedule does it otherwise."""
        sweep_soon(app)


async def counted(request: Request, response: Response, principal: Principal) -> Principal:
    """Take one request from the tenant's rate, and say in the answer how it stands."""
    quota: Gathered[str, Allowance] = request.app.state.quota
    allowance = await quota(principal.tenant)
    headers = _rate_headers(allowance)
    if not allowance.taken:
        wait_s = max(1, round(allowance.retry_s))
        raise ProblemError(
            429,
            f"the tenant's rate of {allowance.limit} requests a minute is used up",
            headers={**headers, "Retry-After": str(wait_s)},
        )
    response.headers.update(headers)
    return principal


def _rate_headers(allowance: Allowance) -> dict[str, str]:
    """Write the fields that clients know (IETF draft-ietf-httpapi-ratelimit-headers-03)."""
    return {
        "RateLimit-Limit": str(allowance.limit),
        "RateLimit-Remaining": str(allowance.left),
        "RateLimit-Reset": str(round(allowance.full_in_s)),
    }


# Coroutines, where nothing waits: the others take a thread each.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _broker(request: Request) -> Broker:
    broker: Broker = request.app.state.broker
    return broker


async def _reading(
    request: Request,
    response: Response,
    principal: Annotated[Principal, Depends(allowed(Scope.READ))],
) -> Principal:
    return await counted(request, response, principal)


async def _enriching(
    request: Request,
    response: Response,
    principal: Annotated[Principal, Depends(allowed(Scope.ENRICH))],
) -> Principal:
    return await counted(request, response, principal)


async def _operating(
    request: Request,
    response: Response,
    principal: Annotated[Principal, Depends(allowed(Scope.OPERATE))],
) -> Principal:
    return await counted(request, response, principal)


Own = Annotated[Services, Depends(_services)]
Queue = Annotated[Broker, Depends(_broker)]
Reading = Annotated[Principal, Depends(_reading)]
Enriching = Annotated[Principal, Depends(_enriching)]
Operating = Annotated[Principal, Depends(_operating)]
