"""A backup is made and restored by the programs that fit the server, and leaves no half behind."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from enrich.store import migrate

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def databases(database_url: str) -> Iterator[tuple[str, str]]:
    """A database with one table, and an empty one."""
    names = [f"enrich_backup_{secrets.token_hex(4)}" for _ in range(2)]
    full, empty = (urlsplit(database_url)._replace(path=f"/{name}").geturl() for name in names)
    _each(database_url, *(f"CREATE DATABASE {name}" for name in names))
    _each(full, "CREATE TABLE kept (name text)", "INSERT INTO kept VALUES ('Öl & Söhne')")
    yield full, empty
    _each(database_url, *(f"DROP DATABASE {name} WITH (FORCE)" for name in names))


@pytest.mark.servers
def test_what_was_backed_up_is_restored_without_naming_a_program(
    databases: tuple[str, str], tmp_path: Path
) -> None:
    full, empty = databases

    made = _run("backup.sh", tmp_path, DATABASE_URL=full)
    _run("restore.sh", made.stdout.strip(), DATABASE_URL=empty)

    assert _each(empty, "SELECT name FROM kept") == [("Öl & Söhne",)]


@pytest.fixture
def stranger(database_url: str) -> Iterator[str]:
    """A role that has rights in one server and is not in another."""
    name = f"reader_{secrets.token_hex(4)}"
    _each(database_url, f"CREATE ROLE {name}")
    yield name
    _each(database_url, f"DROP ROLE IF EXISTS {name}")


@pytest.mark.servers
def test_a_role_that_is_not_there_is_named_before_anything_is_restored(
    databases: tuple[str, str], stranger: str, tmp_path: Path
) -> None:
    full, empty = databases
    _each(full, f"GRANT SELECT ON kept TO {stranger}")
    file = _run("backup.sh", tmp_path, DATABASE_URL=full).stdout.strip()
    _each(full, f"DROP OWNED BY {stranger}", f"DROP ROLE {stranger}")

    refused = _run("restore.sh", file, DATABASE_URL=empty)
    without = _run("restore.sh", file, DATABASE_URL=empty, RESTORE_RIGHTS="no")

    assert refused.returncode == 2
    assert f"rights to the role {stranger}, which is not here" in refused.stderr
    assert without.returncode == 0, without.stderr
    assert _each(empty, "SELECT name FROM kept") == [("Öl & Söhne",)]


@pytest.mark.servers
def test_tables_that_come_after_a_restore_are_the_applications_too(
    databases: tuple[str, str], tmp_path: Path
) -> None:
    full, empty = databases
    _each(full, "DROP TABLE kept")
    migrate.upgrade(full)

    file = _run("backup.sh", tmp_path, DATABASE_URL=full).stdout.strip()
    done = _run("restore.sh", file, DATABASE_URL=empty)
    migrate.upgrade(empty)
    _each(empty, "CREATE TABLE later (id int)")

    assert done.returncode == 0, done.stderr
    (may,) = _each(empty, "SELECT has_table_privilege('enrich_app', 'later', 'INSERT')")
    assert may == (True,)


def test_a_backup_that_failed_leaves_nothing(tmp_path: Path) -> None:
    dump = _program(
        tmp_path / "dump", "touch $(echo \"$*\" | sed 's/.*--file=//; s/ .*//'); exit 1"
    )
    psql = _program(tmp_path / "psql", "echo 18")

    failed = _run(
        "backup.sh", tmp_path / "to", DATABASE_URL="postgresql:///x", PG_DUMP=dump, PSQL=psql
    )

    assert failed.returncode == 1
    assert not list((tmp_path / "to").iterdir())


def test_a_program_that_is_too_old_is_named_with_the_way_out(tmp_path: Path) -> None:
    psql = _program(tmp_path / "psql", "echo 99")

    failed = _run("backup.sh", tmp_path / "to", DATABASE_URL="postgresql:///x", PSQL=psql)

    assert failed.returncode == 2
    assert failed.stderr.startswith("there is no pg_dump of PostgreSQL 99 or newer here")
    assert "PG_DUMP" in failed.stderr


def _program(path: Path, line: str) -> str:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


def _run(script: str, *words: object, **settings: str) -> subprocess.CompletedProcess[str]:
    named = {name: word for name, word in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        [str(DEPLOY / script), *map(str, words)],
        env={**named, "PYTHON": sys.executable, **settings},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def _each(url: str, *statements: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
