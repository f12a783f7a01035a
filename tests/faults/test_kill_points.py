"""A worker is killed at named moments: every cell ends, is written once, and no call is wasted."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from enrich import embedded
from enrich.errors import EmbeddedServerError
from enrich.store.access_keys import PostgresAccessKeys
from tests.faults.kill_points import FOLDER
from tests.faults.lab import COLUMNS, OPEN, TWICE, Lab, lab
from tests.integration.api_process import Caller, make_key, serving

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.timeout(600)]

ROWS = 5
#: Long enough for a slow machine, and no longer than the batch's lease, which is waited for anyhow.
PATIENT = {
    "ENRICH_PROBES__TIMEOUT_SECONDS": "10",
    "ENRICH_SINGLEFLIGHT__LEASE_SECONDS": "10",
    "ENRICH_BREAKER__PERMIT_SECONDS": "10",
}
DONE = "SELECT count(*) = :runs AND bool_and(state = 'done') FROM runs"
RUN_OUT = "UPDATE batches SET lease_until = now() WHERE lease_until IS NOT NULL"
LEAVE_JOBS = """
    UPDATE jobs SET updated_at = now() - interval '1 minute'
    WHERE state IN ('queued', 'processing')
"""
#: Jobs may share a run: those are counted that have the candidate's row.
RUNS_OF_JOB = """
    SELECT count(DISTINCT b.run_id)
    FROM jobs j JOIN rows r ON r.key = j.candidate_id JOIN batches b ON r.id = ANY (b.row_ids)
    WHERE j.id = CAST(:job AS uuid)
"""


@pytest.fixture(scope="module")
def it() -> Iterator[Lab]:
    """An installation whose worker can be made to die at a moment."""
    try:
        for server in embedded.Server:
            embedded.binary_of(server)
    except EmbeddedServerError as exc:
        pytest.skip(str(exc))
    home = Path(tempfile.mkdtemp(prefix="enrich-k-"))
    (home / "armed").mkdir()
    settings = {FOLDER: str(home / "armed"), **PATIENT}
    with lab(home, application="tests.faults.kill_points", settings=settings) as made:
        made.audit()
        yield made
    shutil.rmtree(home)


def resumed(it: Lab, runs: int) -> bool:
    """Let leases run out instead of waiting for them, sweep, and say whether all is done."""
    with it.engine.begin() as connection:
        connection.execute(text(RUN_OUT))
    for key in it.broker.scan_iter("enrich:v*:lease:*"):
        it.broker.delete(key)
    it.send("enrich.sweep", queue="enrich.control")
    return it.wait(lambda: it.scalar(DONE, runs=runs), within_s=3)


@pytest.fixture(scope="module")
def caller(it: Lab) -> Iterator[Caller]:
    """Somebody who submits profiles to it."""
    key = make_key(PostgresAccessKeys(it.engine), "killkill")
    with serving(it.environment, it.home / "api.log") as url:
        yield Caller(url, {"Authorization": f"Bearer {key}", "X-Tenant-ID": "acme"})


def beyond(it: Lab, provider: str) -> int:
    """Count the calls that were paid beyond one for each row."""
    return it.book.charged(provider) - it.book.keys(provider)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("fetched_not_delivered", id="F02 fetched and not delivered"),
        pytest.param("paid_not_stored", id="F03 paid and its answer not stored"),
        *(
            pytest.param(moment, id=name, marks=pytest.mark.proof)
            for moment, name in {
                "keyed_not_stored": "F03 paid under a key and its answer not stored",
                "run_stored_not_sent": "run stored and its steps not sent",
                "asked_not_recorded": "F03 asked and not recorded",
                "recorded_not_counted": "F05 recorded and its part not counted",
                "last_counted_not_joined": "F06 last part counted and the join not sent",
                "counted_not_acknowledged": "F05 part counted and not acknowledged",
                "written_not_committed": "F07 written and not committed",
                "committed_not_sent": "F04 committed and the next step not sent",
                "sent_not_acknowledged": "F04 next step sent and not acknowledged",
            }.items()
        ),
    ],
)
def test_a_worker_that_dies_at_this_moment_costs_no_cell(it: Lab, moment: str) -> None:
    armed, before = Path(it.environment[FOLDER], moment), len(it.lives)
    runs = 1 + it.scalar("SELECT count(*) FROM runs")
    paid_before = beyond(it, "ledger_paid") + beyond(it, "ledger_cheap")
    it.make_table(moment, ROWS)
    armed.touch()
    it.send("enrich.table", moment)

    assert it.wait(lambda: not armed.exists(), within_s=120)
    assert it.wait(lambda: resumed(it, runs), within_s=240)
    assert [life.split(";")[0] for life in it.lives[before:]] == ["worker0 ended with -9"]
    assert (it.scalar(OPEN, columns=list(COLUMNS)), it.scalar(TWICE)) == (0, 0)
    assert beyond(it, "ledger_keyed") == 0
    assert beyond(it, "ledger_paid") + beyond(it, "ledger_cheap") - paid_before <= ROWS


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(moment, id=name, marks=pytest.mark.proof)
        for moment, name in {
            "begun_not_acknowledged": "F04 carried through and not acknowledged",
            "written_not_committed": "F07 written and not committed",
            "committed_not_sent": "F04 committed and the next step not sent",
        }.items()
    ],
)
def test_a_worker_that_dies_over_a_batch_that_is_cached_costs_no_cell_and_asks_nobody(
    it: Lab, moment: str
) -> None:
    armed, known, again = Path(it.environment[FOLDER], moment), f"known {moment}", f"again {moment}"
    runs = 1 + it.scalar("SELECT count(*) FROM runs")
    it.make_table(known, ROWS)
    it.send("enrich.table", known)
    assert it.wait(lambda: it.scalar(DONE, runs=runs), within_s=120)
    before, asked = len(it.lives), it.book.asked("ledger_free_a")
    it.make_table(again, ROWS, like=known)
    armed.touch()
    it.send("enrich.table", again)

    assert it.wait(lambda: not armed.exists(), within_s=120)
    assert it.wait(lambda: resumed(it, runs + 1), within_s=240)
    assert [life.split(";")[0] for life in it.lives[before:]] == ["worker0 ended with -9"]
    assert (it.scalar(OPEN, columns=list(COLUMNS)), it.scalar(TWICE)) == (0, 0)
    assert it.book.asked("ledger_free_a") == asked


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("job_enriched_not_embedded", id="enriched and not embedded"),
        *(
            pytest.param(moment, id=name, marks=pytest.mark.proof)
            for moment, name in {
                "written_not_committed": "F03 F07 asked, and its answers not committed",
                "committed_not_sent": "F04 committed and not handed on",
                "job_embedded_not_ended": "embedded and not ended",
                "job_ended_not_acknowledged": "ended and not acknowledged",
            }.items()
        ),
    ],
)
def test_a_worker_that_dies_at_this_moment_leaves_no_job_behind(
    it: Lab, caller: Caller, moment: str
) -> None:
    before, runs = len(it.lives), 1 + it.scalar("SELECT count(*) FROM runs")
    Path(it.environment[FOLDER], moment).touch()
    profile = {"candidateId": moment, "payload": {"employer": f"Acme {moment}"}}
    job = caller.post("/v1/enrich/profile", profile).json()["job"]["jobId"]

    def has_ended() -> bool:
        with it.engine.begin() as connection:
            connection.execute(text(LEAVE_JOBS))
        state = caller.get(f"/v1/enrich/status/{job}").json()["job"]["status"]
        return resumed(it, runs) and state in {"completed", "failed"}

    assert it.wait(lambda: len(it.lives) > before, within_s=120)
    assert it.wait(has_ended, within_s=240)
    told = caller.get(f"/v1/enrich/status/{job}").json()["job"]
    assert (told["status"], told["attemptCount"]) == ("completed", 1)
    assert told["result"]["embeddingUpserted"] is True
    assert told["result"]["fields"]["industry"]["value"]
    assert [life.split(";")[0] for life in it.lives[before:]] == ["worker0 ended with -9"]
    assert it.scalar(RUNS_OF_JOB, job=job) == 1
