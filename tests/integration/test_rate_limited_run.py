"""Four workers share a provider's limit: the run takes as long as the limit says, and no row fails.

The provider counts, not we: its server notes when each call arrives.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping

import pytest
from celery import Celery

from enrich.embedded import celery_url
from tests.integration.arrivals import counting_server
from tests.integration.counted_provider import LIMIT, PORT
from tests.integration.nodes import WorkerProcess, in_database
from tests.integration.worker_fixtures import World

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.slow, pytest.mark.timeout(400)]

_WORKERS, _CELLS = 4, 400
#: A broker of this test's own: the session's worker shall not take its tasks.
_BROKER = 13


@pytest.fixture
def arrivals() -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """A provider's port, and when each call to it left and came, in µs of this machine's clock."""
    with counting_server(time.monotonic_ns) as counted:
        yield counted


@pytest.fixture
def app(
    world: World,
    redis_url: str,
    worker_environment: Mapping[str, str],
    arrivals: tuple[int, list[tuple[int, int]]],
    start_worker: Callable[..., WorkerProcess],
) -> Iterator[Celery]:
    """A producer for four workers that ask this one provider."""
    broker = in_database(redis_url, _BROKER)
    own = {
        **worker_environment,
        # One batch a worker, and together more than can be booked within a probe's time: most rows
        # are put back once at least.
        "ENRICH_RUNS__BATCH_ROWS": str(_CELLS // _WORKERS),
        "ENRICH_BROKER__URL": broker,
        "ENRICH_PROVIDERS__NAMES": "counted",
        "ENRICH_PROVIDERS__MODULES": "tests.integration.counted_provider:counted",
        "ENRICH_PROBES__TIMEOUT_SECONDS": "10",
        PORT: str(arrivals[0]),
    }
    workers = [start_worker(f"limited{number}", own) for number in range(_WORKERS)]
    for worker in workers:
        worker.ready()
    app = Celery(broker=celery_url(broker), backend=celery_url(broker))
    yield app
    app.close()
    for worker in workers:
        worker.teardown()


def test_four_workers_keep_a_providers_limit_and_fill_every_cell(
    app: Celery, world: World, arrivals: tuple[int, list[tuple[int, int]]]
) -> None:
    _, seen = arrivals
    table = world.make_table(_CELLS)

    started_s = time.monotonic()
    sent = app.send_task("enrich.table", (table, ["industry"]), queue="enrich.ingest")
    summary = sent.get(timeout=300)
    took_s = time.monotonic() - started_s

    ideal_s = _CELLS / LIMIT.count * LIMIT.per_s
    sys.stdout.write(f"{_CELLS} cells in {took_s:.1f} s; the limit alone takes {ideal_s:.0f} s\n")
    left_us, came_us = sorted(left for left, _ in seen), sorted(came for _, came in seen)
    slowest_ms = max(came - left for left, came in seen) / 1000
    fullest = _fullest_second(left_us), _fullest_second(came_us)
    sys.stdout.write(f"fullest second: {fullest}; slowest way {slowest_ms:.0f} ms\n")
    assert len(seen) == _CELLS
    assert fullest[0] <= LIMIT.count
    # What came in a second has left in that and the time of the slowest way.
    assert fullest[1] <= LIMIT.count * (1 + slowest_ms / 1000), f"slowest way {slowest_ms:.0f} ms"
    assert (summary["filled"], summary["failed"]) == (_CELLS, 0)
    assert summary["state"] == "done"


def _fullest_second(moments_us: list[int]) -> int:
    return max(sum(a <= b < a + 1_000_000 for b in moments_us) for a in moments_us)
