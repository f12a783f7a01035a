"""Profiles submitted over HTTP, enriched by a real worker, and found again by a sentence."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_celery import CeleryTestSetup

from enrich.domain.job import new_job
from enrich.store.access_keys import PostgresAccessKeys
from enrich.store.jobs import PostgresJobs
from tests.integration.api_fixtures import check
from tests.integration.api_process import Caller, make_key
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]

ADA = {"fullName": "Ada Lovelace", "employer": "Apple Inc.", "skills": ["mathematics", "poetry"]}


def profile(candidate: str = "", **more: Any) -> dict[str, Any]:
    """Write a submit about a candidate of its own."""
    return {"candidateId": candidate or f"c-{secrets.token_hex(4)}", "payload": ADA, **more}


def ended(caller: Caller, job_id: str) -> dict[str, Any]:
    """Wait for a job's end, and give it."""

    def job() -> dict[str, Any]:
        told: dict[str, Any] = caller.get(f"/v1/enrich/status/{job_id}").json()["job"]
        return told

    assert eventually(lambda: job()["status"] in {"completed", "failed"})
    return job()


@pytest.fixture
def other(api: str, access_keys: PostgresAccessKeys) -> Caller:
    """Somebody of another tenant."""
    prefix = secrets.token_hex(4)
    key = make_key(access_keys, prefix, tenant="globex")
    return Caller(api, {"Authorization": f"Bearer {key}", "X-Tenant-ID": "globex"})


def test_a_profile_is_enriched_embedded_and_found(
    acme: Caller, celery_setup: CeleryTestSetup
) -> None:
    wish = profile()

    answer = acme.post("/v1/enrich/profile", {**wish, "async": False})

    job = answer.json()["job"]
    assert (answer.status_code, job["status"]) == (200, "completed")
    assert job["result"]["embeddingUpserted"] is True
    assert job["result"]["candidateSnapshot"]["full_name"] == "Ada Lovelace"
    assert set(job["result"]["phaseDurationsMs"]) == {"queue", "enrichment", "embedding"}
    hits = acme.post("/v1/search", {"text": "poetry and mathematics", "limit": 50}).json()["items"]
    assert wish["candidateId"] in {hit["row"] for hit in hits}


def test_i33_fifty_equal_submits_at_once_are_one_job(acme: Caller) -> None:
    wish = profile()

    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(acme.post, "/v1/enrich/profile", wish) for _ in range(50)]
        answers = [one.result() for one in asked]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job"]["jobId"] for answer in answers}) == 1


def test_a_forced_submit_is_a_job_of_its_own(acme: Caller) -> None:
    wish = profile()

    first = acme.post("/v1/enrich/profile", wish).json()["job"]["jobId"]
    second = acme.post("/v1/enrich/profile", {**wish, "force": True}).json()["job"]["jobId"]

    assert first != second


def test_a_key_gives_the_same_job_again_and_refuses_another_body(acme: Caller) -> None:
    wish, key = profile(), {"Idempotency-Key": secrets.token_hex(8)}

    first = acme.post("/v1/enrich/profile", wish, headers=key)
    again = acme.post("/v1/enrich/profile", {**wish, "idempotencyKey": "ignored-key"}, headers=key)
    other_body = acme.post("/v1/enrich/profile", profile(), headers=key)

    assert first.json()["job"]["jobId"] == again.json()["job"]["jobId"]
    check(other_body, 422)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="I32 empty"),
        pytest.param("short", id="I32 too short"),
        pytest.param("k" * 129, id="I32 too long"),
        pytest.param("clé-clé-clé".encode(), id="I32 not ASCII"),
        pytest.param("two words", id="I32 two words"),
    ],
)
def test_a_wrong_key_is_refused(acme: Caller, key: str | bytes) -> None:
    check(acme.post("/v1/enrich/profile", profile(), headers={"Idempotency-Key": key}), 400)


@pytest.mark.parametrize(
    "header",
    [pytest.param({}, id="alone"), pytest.param({"Idempotency-Key": "k" * 8}, id="beside")],
)
def test_a_wrong_key_in_the_body_is_refused(acme: Caller, header: dict[str, str]) -> None:
    refused = acme.post("/v1/enrich/profile", profile() | {"idempotencyKey": "7"}, headers=header)

    assert check(refused, 400)["errors"][0]["pointer"] == "/body/idempotencyKey"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"candidateId": ""}, id="no candidate"),
        pytest.param({"candidateId": "c" * 129}, id="a long candidate"),
        pytest.param({"payload": []}, id="a payload that is a list"),
        pytest.param({"payload": {"": "x"}}, id="a key without letters"),
        pytest.param({"payload": {}}, id="a payload without anything"),
        pytest.param({"payload": {"fullName": " ", "email": None}}, id="a payload of blanks"),
        pytest.param({"async": "false"}, id="I23 async as text"),
        pytest.param({"tenantId": "globex"}, id="I22 a tenant in the body"),
    ],
)
def test_a_wrong_profile_is_refused(acme: Caller, more: dict[str, Any]) -> None:
    check(acme.post("/v1/enrich/profile", profile() | more), 422)


def test_a_foreign_job_looks_like_none(acme: Caller, other: Caller) -> None:
    job_id = acme.post("/v1/enrich/profile", profile()).json()["job"]["jobId"]
    absent = "00000000-0000-4000-8000-000000000000"

    foreign = check(other.get(f"/v1/enrich/status/{job_id}"), 404)
    nobodys = check(other.get(f"/v1/enrich/status/{absent}"), 404)

    assert foreign == {**nobodys, "detail": foreign["detail"]}
    assert foreign["detail"].replace(job_id, "") == nobodys["detail"].replace(absent, "")


def test_a_failed_job_is_tried_again(acme: Caller, world: World) -> None:
    wish, key = profile(), {"Idempotency-Key": secrets.token_hex(8)}
    first = acme.post("/v1/enrich/profile", wish, headers=key).json()["job"]["jobId"]
    ended(acme, first)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET state = 'failed' WHERE id = %s", (first,))

    unkeyed = acme.post("/v1/enrich/profile", wish).json()["job"]["jobId"]
    keyed = acme.post("/v1/enrich/profile", wish, headers=key).json()["job"]

    assert unkeyed != first
    assert (keyed["jobId"], keyed["attemptCount"]) == (first, 2)
    assert ended(acme, first)["status"] == "completed"


def test_a_job_that_was_left_before_it_began_is_begun_by_the_sweep(
    acme: Caller, world: World, celery_setup: CeleryTestSetup
) -> None:
    wish = profile()
    new = new_job("acme", wish["candidateId"], wish["payload"], is_forced=False, key="")
    ((_, job),) = PostgresJobs(world.engine).take([new], window_s=0)
    assert job is not None
    forsake(world, job.id)

    celery_setup.app.send_task("enrich.sweep", queue="enrich.control")

    assert ended(acme, job.id)["status"] == "completed"


def test_a_job_that_was_left_at_its_end_is_ended_by_the_sweep(
    acme: Caller, world: World, celery_setup: CeleryTestSetup
) -> None:
    job_id = acme.post("/v1/enrich/profile", profile()).json()["job"]["jobId"]
    before = ended(acme, job_id)
    forsake(world, job_id, "state = 'processing', result = NULL,")

    celery_setup.app.send_task("enrich.sweep", queue="enrich.control")

    assert ended(acme, job_id)["result"]["runId"] == before["result"]["runId"]


def forsake(world: World, job_id: str, changes: str = "") -> None:
    """Leave a job as whoever had it would by dying a minute ago."""
    query = f"UPDATE jobs SET {changes} updated_at = now() - interval '1 minute' WHERE id = %s"
    with world.engine.begin() as connection:
        connection.exec_driver_sql(query, (job_id,))


def test_nobody_finds_the_candidates_of_another_tenant(acme: Caller, other: Caller) -> None:
    acme.post("/v1/enrich/profile", {**profile(), "async": False})
    other.post("/v1/enrich/profile", {**profile("theirs"), "async": False})

    hits = other.post("/v1/search", {"text": "Ada Lovelace"}).json()["items"]

    assert [hit["row"] for hit in hits] == ["theirs"]


@pytest.mark.parametrize(
    "name", ["__class__", "constructor", "__proto__", "c" * 63, "c" * 64, "c" * 65]
)
def test_i25_odd_columns_are_kept_as_they_are_named(acme: Caller, world: World, name: str) -> None:
    candidate = f"odd-{len(name)}-{name[:3]}"

    wish = {"candidateId": candidate, "payload": {name: "kept"}, "async": False}
    answer = acme.post("/v1/enrich/profile", wish)

    assert answer.status_code == 200
    kept = world.scalar(
        "SELECT data ->> :name FROM rows WHERE key = :key", name=name, key=candidate
    )
    assert kept == "kept"
