"""Erasing a subject: whatever was sent, said, cached, embedded or answered is gone."""

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping

import pytest
import redis

from tests.integration.api_process import Caller
from tests.integration.nodes import in_database
from tests.integration.test_api_profiles import ADA
from tests.integration.worker_fixtures import World

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
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    assert tables_with(world, canary) == set()
    assert keys_with(worker_environment["REDIS_URL"], canary) == set()
    assert keys_with(in_database(redis_url, 12), canary) == set()
    assert acme.get(f"/v1/enrich/status/{job['jobId']}").status_code == 404
    assert world.scalar("SELECT count(*) FROM audit WHERE action = 'row.erased'") >= 1
