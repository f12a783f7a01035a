"""Erasing a subject: whatever was sent, said, cached, embedded or answered is gone."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import redis
from pytest_celery import CeleryTestSetup

from enrich.domain.job import new_job
from enrich.ports import NewRow
from enrich.ports.requests import NewSqlRequest
from enrich.store.jobs import PostgresJobs
from enrich.store.requests import PostgresSqlRequests
from tests.integration.api_fixtures import check
from tests.integration.api_process import Caller
from tests.integration.nodes import in_database
from tests.integration.test_api_profiles import ADA
from tests.integration.worker_fixtures import World, held_back
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]

_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""


def tables_with(world: World, canary: str) -> set[str]:
    """Name the tables of which a row has the word anywhere in it."""
    names = [name for (name,) in world.all(_TABLES)]
    query = "SELECT count(*) FROM {} AS t WHERE CAST(t AS text) LIKE :word"
    return {n for n in names if world.scalar(query.format(n), word=f"%{canary}%")}


def keys_with(url: str, canary: str) -> set[str]:
    """Name the keys of a Redis whose content has the word anywhere in it."""
    with redis.Redis.from_url(url) as client:
        return {
            key.decode(errors="replace")
            for key in client.scan_iter(count=1000)
            if canary.encode() in (client.dump(key) or b"") or canary.encode() in key
        }


def purge(environment: Mapping[str, str], *arguments: str) -> str:
    """Run `enrich purge`; gives what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENRICH_")}
    command = [sys.executable, "-m", "enrich.cli", "purge", *arguments, "--yes"]
    done = subprocess.run(
        command,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def kept_anywhere(
    world: World, environment: Mapping[str, str], redis_url: str, canary: str
) -> set[str]:
    """Name the tables and keys, in both databases of the Redis, that hold the word."""
    cache, broker = environment["REDIS_URL"], in_database(redis_url, 12)
    return tables_with(world, canary) | keys_with(cache, canary) | keys_with(broker, canary)


def test_nothing_of_an_erased_subject_is_left_anywhere(
    acme: Caller, world: World, worker_environment: Mapping[str, str], redis_url: str
) -> None:
    canary = f"canary{secrets.token_hex(6)}"
    payload = {**ADA, "email": f"{canary}@example.org"}
    wish = {"candidateId": f"c-{canary}", "payload": payload, "async": False}
    job = acme.post("/v1/enrich/profile", wish).json()["job"]
    before = tables_with(world, canary)

    purge(worker_environment, "--subject", f"email={canary}@example.org", "--tenant", "acme")

    assert {"rows", "jobs"} <= before
    assert kept_anywhere(world, worker_environment, redis_url, canary) == set()
    assert acme.get(f"/v1/enrich/status/{job['jobId']}").status_code == 404
    assert world.scalar("SELECT count(*) FROM audit WHERE action = 'row.erased'") >= 1


@pytest.mark.parametrize("column", ["email", "years"])
def test_a_job_that_has_not_begun_is_erased_with_its_profile(
    acme: Caller,
    world: World,
    worker_environment: Mapping[str, str],
    redis_url: str,
    column: str,
) -> None:
    canary = f"canary{secrets.token_hex(6)}"
    profile = {"email": f"{canary}@example.org", "years": secrets.randbelow(10**9), "name": canary}
    new = new_job("acme", f"c-{canary}", profile, is_forced=False, key="")
    ((_, job),) = PostgresJobs(world.engine).take([new], window_s=0)
    before = tables_with(world, canary)

    wish = {"column_key": column, "value": str(profile[column])}
    erased = acme.post("/v1/purge", wish).json()

    assert before == {"jobs"}
    assert (erased["rows"], erased["jobs"]) == (0, 1)
    assert kept_anywhere(world, worker_environment, redis_url, canary) == set()
    assert job is not None
    check(acme.get(f"/v1/enrich/status/{job.id}"), 404)


def test_a_request_by_sql_that_has_not_begun_is_erased_with_its_values(
    acme: Caller, world: World, worker_environment: Mapping[str, str], redis_url: str
) -> None:
    canary = f"canary{secrets.token_hex(6)}"
    data = {"company": f"{canary} Inc."}
    outbox = PostgresSqlRequests(world.engine)
    outbox.add(NewSqlRequest(tenant="acme", table="later", row="r1", data=data))
    outbox.add(NewSqlRequest(tenant="other", table="later", row=f"{canary}-theirs", data=data))

    erased = acme.post("/v1/purge", {"column_key": "company", "value": data["company"]}).json()
    left = world.all("SELECT tenant_id FROM requests WHERE table_name = 'later'")
    with world.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM requests WHERE table_name = 'later'")

    assert (erased["rows"], erased["requests"]) == (0, 1)
    assert left == [("other",)]


def test_a_run_under_way_does_not_bring_back_what_was_erased_over_http(
    acme: Caller,
    world: World,
    worker_environment: Mapping[str, str],
    redis_url: str,
    celery_setup: CeleryTestSetup,
) -> None:
    canary = f"canary{secrets.token_hex(6)}"
    table = world.make_table(0, tenant="acme")
    world.rows.import_rows("acme", table, rows_of(canary))
    run = acme.post("/v1/runs", {"table_id": table}).json()["run_id"]
    with held_back(world, run):
        job = acme.post("/v1/enrich/profile", profile_of(canary)).json()["job"]["jobId"]
        assert eventually(lambda: world.scalar(_UNDER_WAY, run=run))

        purged = acme.post("/v1/purge", {"column_key": "company", "value": f"{canary} Inc."}).json()
        erased = acme("DELETE", f"/v1/tables/candidates/rows/c-{canary}")
        state = world.scalar(_STATE, run=run)

    def is_done() -> bool:
        celery_setup.app.send_task("enrich.sweep", queue="enrich.control", ignore_result=True)
        return bool(world.scalar(_STATE, run=run) == "done")

    assert (purged["rows"], erased.status_code, state) == (_CANARIES, 200, "running")
    assert eventually(is_done, every_s=0.5)
    assert eventually(lambda: not kept_anywhere(world, worker_environment, redis_url, canary)), (
        kept_anywhere(world, worker_environment, redis_url, canary)
    )
    assert acme.get(f"/v1/enrich/status/{job}").status_code == 404
    assert world.rows.table("acme", table).rows == _OTHERS
    lines = acme.get("/v1/console/acts", params={"limit": 500}).json()["items"]
    assert sum(one["act"] == "row.erased" and one["table"] == table for one in lines) == _CANARIES


_UNDER_WAY = "SELECT count(*) FROM responses WHERE run_id = :run"
_STATE = "SELECT state FROM runs WHERE id = :run"


#: Rows that are erased, and those that make more batches than are in flight.
_CANARIES, _OTHERS = 8, 200


def rows_of(canary: str) -> Iterator[NewRow]:
    """Make rows that hold the word in key and value, in the run's first batch; then others."""
    for number in range(_CANARIES):
        yield NewRow(key=f"{canary}-{number}", data={"company": f"{canary} Inc."})
    for number in range(_OTHERS):
        yield NewRow(key=f"other-{number}", data={"company": f"Firm {number}"})


def profile_of(canary: str) -> dict[str, Any]:
    """Write a submit that holds the word in each of its parts."""
    payload = {"fullName": f"Ada {canary}", "employer": f"{canary} Inc."}
    return {"candidateId": f"c-{canary}", "payload": payload}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/v1/tables/none/rows/none", id="no such table"),
        pytest.param("/v1/tables/candidates/rows/none", id="no such row"),
    ],
)
def test_a_row_that_is_not_there_cannot_be_erased(acme: Caller, path: str) -> None:
    check(acme("DELETE", path), 404)
