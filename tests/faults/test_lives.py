"""What a worker held when it ended, asked or killed, is worked on at once, not after its leases."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from enrich import embedded
from enrich.api.exposition import exposed
from enrich.errors import EmbeddedServerError
from enrich.state.link import RedisLink
from enrich.state.metrics import RedisMetrics
from tests.faults.kill_points import FOLDER
from tests.faults.lab import COLUMNS, OPEN, TWICE, Lab, lab

pytestmark = [
    pytest.mark.servers,
    pytest.mark.worker,
    pytest.mark.proof,
    pytest.mark.timeout(500),
]

ROWS = 100
#: Far longer than these tests may take: whoever waits for a lease fails.
LEASE_S = 3600.0
HELD = "SELECT count(*) FROM batches WHERE holder LIKE 'worker0%' AND phase IN ('probe', 'premium')"
DONE = "SELECT bool_and(state = 'done') FROM runs"
LEDGER = "SELECT provider, kind, count(*) FROM responses WHERE NOT from_cache GROUP BY 1, 2"
LOST = "SELECT max(lost) FROM batches"


@pytest.fixture
def it() -> Iterator[Lab]:
    """An installation of one worker, in the middle of nothing."""
    try:
        for server in embedded.Server:
            embedded.binary_of(server)
    except EmbeddedServerError as exc:
        pytest.skip(str(exc))
    home = Path(tempfile.mkdtemp(prefix="enrich-l-"))
    (home / "armed").mkdir()
    settings = {
        FOLDER: str(home / "armed"),
        "ENRICH_RUNS__LEASE_SECONDS": str(LEASE_S),
        "ENRICH_RUNS__BATCH_ROWS": "20",
        "ENRICH_RUNS__MAX_BATCHES_IN_FLIGHT": "2",
    }
    with lab(
        home,
        latency_s=0.1,
        modules=("free_a", "paid"),
        settings=settings,
        application="tests.faults.kill_points",
    ) as made:
        made.audit()
        yield made
    shutil.rmtree(home)


def begin(it: Lab, table: str) -> None:
    """Begin a run, and wait until the worker is in the middle of it."""
    it.make_table(table, ROWS)
    it.send("enrich.table", table)
    assert it.wait(lambda: it.scalar(HELD) > 0, within_s=60)


def exposed_answers(it: Lab) -> dict[tuple[str, str], float]:
    """Read what Prometheus would: answers by provider and outcome."""
    metrics = RedisMetrics(RedisLink(it.environment["REDIS_URL"], timeout_s=5.0), flush_s=None)
    families = text_string_to_metric_families(exposed(metrics.read(), ()).decode())
    (family,) = (one for one in families if one.name == "enrich_cache_misses")
    return {(s.labels["provider"], s.labels["outcome"]): s.value for s in family.samples}


def written_answers(it: Lab) -> dict[tuple[str, str], float]:
    """Read the same from the ledger."""
    with it.engine.connect() as connection:
        return {(name, kind): n for name, kind, n in connection.execute(text(LEDGER))}


def test_f08_work_of_a_worker_that_is_asked_to_end_goes_on_at_once(it: Lab) -> None:
    begin(it, "asked")

    assert it.strike("worker0", signal.SIGTERM)

    assert it.wait(lambda: it.scalar(DONE), within_s=200)
    assert it.lives == ["worker0 ended with 0; it is started again in 0.2 s"]
    assert it.scalar(OPEN, columns=[COLUMNS[0], COLUMNS[3]]) == 0
    assert (it.scalar(TWICE), it.scalar(LOST)) == (0, 0)
    assert it.book.keys("ledger_paid") == it.scalar("SELECT count(*) FROM rows")
    # What the two lives counted, added up, is the ledger: nothing twice, nothing left behind.
    assert it.wait(lambda: exposed_answers(it) == written_answers(it), within_s=60)


@pytest.mark.parametrize(
    "moment", ["run_stored_not_sent", "fetched_not_delivered", "committed_not_sent"]
)
def test_f02_work_of_a_worker_that_was_killed_goes_on_when_its_name_is_back(
    it: Lab, moment: str
) -> None:
    armed = Path(it.environment[FOLDER], moment)
    armed.touch()
    it.make_table("killed", ROWS)
    it.send("enrich.table", "killed")

    assert it.wait(lambda: not armed.exists(), within_s=60)
    # Sooner than any message comes back by itself.
    assert it.wait(lambda: it.scalar(DONE), within_s=100)
    assert it.lives == ["worker0 ended with -9; it is started again in 0.2 s"]
    assert it.scalar(OPEN, columns=[COLUMNS[0], COLUMNS[3]]) == 0
    assert (it.scalar(TWICE), it.scalar(LOST)) == (0, 0)
