"""A worker that could only fail its messages takes none."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg2
import pytest

from enrich.store.migrate import head, pending, upgrade
from tests.store_fixtures import empty_database_url

__all__ = ["empty_database_url"]

pytestmark = [pytest.mark.servers, pytest.mark.worker]


def test_worker_refuses_a_database_that_lacks_migrations(
    empty_database_url: str, worker_environment: Mapping[str, str]
) -> None:
    environment = {**os.environ, **worker_environment, "DATABASE_URL": empty_database_url}
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool=solo"]

    worker = subprocess.run(
        command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, timeout=100
    )

    assert worker.returncode == 3
    assert b"startup.refused" in worker.stderr + worker.stdout
    assert b"run `enrich migrate`" in worker.stderr + worker.stdout


def test_f59_a_database_of_a_newer_version_lacks_nothing(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    with psycopg2.connect(empty_database_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    assert pending(empty_database_url) == ()
    assert head() != "9999"
