"""What Prometheus is told equals the ledger to the last call, also when a worker is killed.

Four workers share a run of 1,200 rows; one is killed in the middle and started again,
another is ended in good order and started again. The text is read by the official parser.
"""

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from enrich.embedded.processes import Program, Supervisor
from enrich.store.access_keys import PostgresAccessKeys
from tests.integration.api_fixtures import bearer
from tests.integration.api_process import Caller, make_key, serving
from tests.integration.nodes import WorkerProcess, in_database
from tests.integration.worker_fixtures import ENRICHED, World
from tests.waiting import eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.worker,
    pytest.mark.proof,
    pytest.mark.timeout(600),
]

ROWS, WORKERS = 1_200, 4
_BROKER = 7
_ROOT = Path(__file__).parents[2]

_ASKED = "SELECT count(*) FROM responses WHERE run_id = :run"
_STATE = "SELECT state FROM runs WHERE id = :run"
#: The ledgers that `enrich_…` is held against, each told by the labels that it is grouped by.
_LEDGERS = {
    "enrich_cells_ended_total": """
        SELECT c.value ->> 'state', count(*) FROM rows r JOIN tables t ON t.id = r.table_id
        CROSS JOIN LATERAL jsonb_each(r.cells) c WHERE t.name = :table GROUP BY 1
    """,
    "enrich_answers_total": """
        SELECT provider, kind, count(*) FROM responses
        WHERE run_id = :run AND NOT from_cache GROUP BY 1, 2
    """,
    "enrich_provider_calls_total": """
        SELECT sum(calls) FROM responses WHERE run_id = :run
    """,
    "enrich_cost_credits_total": """
        SELECT sum(cost_microcredits)::float8 / 1e6 FROM responses WHERE run_id = :run
    """,
    "enrich_spent_today_credits": """
        SELECT sum(cost_microcredits)::float8 / 1e6 FROM paid_calls WHERE run_id = :run
    """,
}
_LABELS = {
    "enrich_cells_ended_total": ("outcome",),
    "enrich_answers_total": ("provider", "outcome"),
}


@contextmanager
def beating(environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run a scheduler: what a dead worker had is sent again when its lease has run out."""
    command = [sys.executable, "-m", "celery", f"--workdir={_ROOT}", "-A", "tasks", "beat"]
    program = Program(
        name="beat", command=[*command, "--pidfile="], environment=environment, log=log
    )
    with Supervisor([program]):
        yield


def told(url: str, name: str, tenant: str) -> dict[tuple[str, ...], float]:
    """Read one metric of a tenant by its labels; what is 0 is left out."""
    answer = requests.get(f"{url}/metrics", timeout=30)
    assert answer.status_code == 200, answer.text
    return {
        tuple(sample.labels[label] for label in _LABELS.get(name, ())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name and sample.labels["tenant"] == tenant and sample.value
    }


def test_what_is_told_is_the_ledger_after_four_workers_of_which_one_was_killed(
    world: World,
    worker_environment: Mapping[str, str],
    redis_url: str,
    access_keys: PostgresAccessKeys,
    start_worker: Callable[..., WorkerProcess],
    tmp_path: Path,
) -> None:
    tenant = f"ledger{secrets.token_hex(3)}"
    key = make_key(access_keys, f"ldgr{secrets.token_hex(2)}", tenant=tenant)
    table = world.make_table(ROWS, tenant=tenant)
    own = {
        **worker_environment,
        "ENRICH_BROKER__URL": in_database(redis_url, _BROKER),
        "ENRICH_HOME": str(tmp_path),
        # Short leases: what the killed one had is not waited for longer than that.
        "ENRICH_PROBES__TIMEOUT_SECONDS": "20",
        "ENRICH_SINGLEFLIGHT__LEASE_SECONDS": "25",
        "ENRICH_RUNS__LEASE_SECONDS": "30",
    }
    names = [f"ledger{secrets.token_hex(2)}" for _ in range(WORKERS)]
    workers = [start_worker(name, own) for name in names]
    for worker in workers:
        worker.ready()
    with serving(own, tmp_path / "api.log") as url, beating(own, tmp_path / "beat.log"):
        caller = Caller(url, {**bearer(key), "X-Tenant-ID": tenant})
        run = caller.post("/v1/runs", {"table_id": table}).json()["run_id"]
        assert eventually(lambda: world.scalar(_ASKED, run=run) > 100, within_s=120)
        workers[0].kill()
        workers[0].start()
        workers[0].ready()
        assert world.scalar(_STATE, run=run) == "running"
        workers[1].restart()

        assert eventually(lambda: world.scalar(_STATE, run=run) == "done", within_s=240)
        ledgers = {
            name: {
                tuple(labels): number for *labels, number in world.all(query, run=run, table=table)
            }
            for name, query in _LEDGERS.items()
        }
        metrics = {name: told(url, name, tenant) for name in _LEDGERS}
    for worker in workers:
        worker.teardown()

    assert metrics == {name: pytest.approx(ledger) for name, ledger in ledgers.items()}
    rows = world.rows.table(tenant, table).rows
    assert sum(metrics["enrich_cells_ended_total"].values()) == rows * len(ENRICHED)
