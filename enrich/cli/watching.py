"""Runs carried out: sent to the workers or done here, and watched until they end."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import redis

from enrich.cli.output import print_note
from enrich.cli.progress import share_done
from enrich.cli.services import Services
from enrich.cli.workers import dispatching
from enrich.domain.run import RunState, Step
from enrich.errors import BrokerDownError
from enrich.ports import RunSummary
from tasks.app import app

__all__ = ["carry_out", "check_broker", "wait_for"]

_POLL_S = 0.2
_PING_S = 1.0
_FOREVER_S = 10 * 365 * 86_400.0


def check_broker(services: Services) -> None:
    """Raise `BrokerDownError` when nobody would hear of a run; to be asked before one is stored."""
    url = services.endpoints.broker_url
    client = redis.Redis.from_url(url, socket_timeout=_PING_S, socket_connect_timeout=_PING_S)
    try:
        client.ping()
    except redis.RedisError:
        raise BrokerDownError(
            "the broker does not answer, and nothing was stored; --in-process works without it"
        ) from None
    finally:
        client.close()


def carry_out(
    services: Services, tenant: str, run_id: int, steps: Sequence[Step], *, wait: bool, here: bool
) -> RunSummary:
    """Send the steps, or do them here, and tell how the run stands then."""
    if here:
        return _work_here(services, tenant, run_id, steps)
    with dispatching() as dispatcher:
        dispatcher.dispatch(steps)
        try:
            if steps and not app.control.ping(timeout=_PING_S, limit=1):
                print_note(f"run {run_id} waits: no worker answers; `enrich up` starts one")
            if wait:
                return wait_for(services, tenant, run_id)
        except KeyboardInterrupt:
            print_note(f"run {run_id} goes on; `enrich cancel {run_id}` stops it")
            raise
    return services.parts.runs.summary(tenant, run_id)


def wait_for(
    services: Services, tenant: str, run_id: int, *, until: Callable[[], bool] = lambda: False
) -> RunSummary:
    """Wait until a run has ended or `until` says so, with a bar of its batches."""
    summary = services.parts.runs.summary(tenant, run_id)
    with share_done(f"run {run_id}", sum(summary.batches.values())) as show:
        while summary.state is RunState.RUNNING and not _is_stuck(summary) and not until():
            time.sleep(_POLL_S)
            summary = services.parts.runs.summary(tenant, run_id)
            show(_ended(summary))
    return summary


def _work_here(services: Services, tenant: str, run_id: int, steps: Sequence[Step]) -> RunSummary:
    """Do the steps on a thread while this one shows how far they are."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        work = pool.submit(services.runner.run, steps, patience_s=_FOREVER_S)
        try:
            wait_for(services, tenant, run_id, until=work.done)
        except KeyboardInterrupt:
            services.parts.runs.cancel(tenant, run_id)  # the thread finds that out and ends
            table = services.parts.runs.summary(tenant, run_id).table
            print_note(f"run {run_id} was cancelled; `enrich run {table} …` again goes on")
            raise
        work.result()
    return services.parts.runs.summary(tenant, run_id)


def _is_stuck(summary: RunSummary) -> bool:
    return _ended(summary) == sum(summary.batches.values())


def _ended(summary: RunSummary) -> int:
    return sum(summary.batches.get(phase, 0) for phase in ("done", "parked", "cancelled"))
