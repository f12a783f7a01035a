"""Every message is delivered twice, and out of order: the end is the same, and so is the bill."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import redis
from celery import Celery

from enrich.embedded import celery_url
from tests.integration.doubling import LEDGER, NAME
from tests.integration.nodes import WorkerProcess, in_database
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker]

ROWS = 40
_BROKER = 13
STATES = """
    SELECT r.data ->> 'industry', r.cells -> 'industry' ->> 'state', count(*)
    FROM rows r JOIN tables t ON t.id = r.table_id WHERE t.name = :table GROUP BY 1, 2
"""
RUN = """
    SELECT r.state || ' ' || (r.counts ->> 'filled')
    FROM runs r JOIN tables t ON t.id = r.table_id WHERE t.name = :table
"""
BILL = """
    SELECT count(*), count(DISTINCT row_id), sum(cost_microcredits)::integer FROM paid_calls
    WHERE provider = :provider AND state = 'answered'
"""


def test_f57_f58_doubled_and_shuffled_messages_cost_nothing_and_change_nothing(
    world: World,
    worker_environment: Mapping[str, str],
    start_worker: Callable[..., WorkerProcess],
    redis_url: str,
    tmp_path: Path,
) -> None:
    ledger = tmp_path / "ledger"
    broker = in_database(redis_url, _BROKER)
    with redis.Redis.from_url(broker) as client:
        client.flushdb()
    # No cache helps: what keeps the bill right is the ledger in PostgreSQL. Under the leases the
    # second of two equal probes waits for the answer of the first.
    worker = start_worker(
        "doubling",
        {
            **worker_environment,
            "ENRICH_BROKER__URL": broker,
            "ENRICH_PROVIDERS__NAMES": f"scraper_demo,{NAME}",
            "ENRICH_PROVIDERS__MODULES": "tests.integration.doubling:charging",
            "ENRICH_CACHE__ENABLED": "false",
            LEDGER: str(ledger),
        },
    )
    worker.ready()
    table = world.make_table(ROWS)
    app = Celery("producer", broker=celery_url(broker))
    app.send_task("enrich.table", (table, ["industry"]), queue="enrich.ingest")

    def is_done() -> bool:
        app.send_task("enrich.sweep", queue="enrich.control")
        return str(world.scalar(RUN, table=table)).startswith("done")

    assert eventually(is_done, within_s=90, every_s=1.0), worker.logs()[-4000:]
    app.close()
    worker.kill()
    with redis.Redis.from_url(broker) as client:
        client.flushdb()

    calls = Counter(ledger.read_text().splitlines())
    assert len(calls) == sum(calls.values()) == ROWS
    assert world.all(STATES, table=table) == [("Tools", "filled", ROWS)]
    assert world.scalar(RUN, table=table) == f"done {ROWS}"
    assert world.all(BILL, provider=NAME) == [(ROWS, ROWS, ROWS * 1000)]
