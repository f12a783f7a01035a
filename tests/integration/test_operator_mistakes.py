"""What operators type with a wrong name, without the right, or while a server is down.

Each is one clear sentence: no traceback, no secret, and it says the name or what is down.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.integration.worker_fixtures import World
from tests.store_fixtures import administer

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

_CANARY = "canary-of-a-password"
_NOWHERE = "127.0.0.1:1"

#: Command lines that name what is not there, and the word that the sentence has to repeat.
UNKNOWN = {
    "command": ("fetch", "fetch"),
    "run of a table": ("run nobody --in-process", "nobody"),
    "columns of a table": ("columns nobody", "nobody"),
    "column that is no field": ("run {table} --columns shoesize --in-process", "shoesize"),
    "export": ("export nobody", "nobody"),
    "file": ("import missing.csv --table t", "missing.csv"),
    "status": ("status 999999", "999999"),
    "cancel": ("cancel 999999", "999999"),
    "retry": ("retry 999999", "999999"),
    "run that is no number": ("status soon", "soon"),
    "cell of a table": ("cell nobody r c", "nobody"),
    "cell of a row": ("cell {table} nobody website", "nobody"),
    "cell of a column": ("cell {table} row_0001 nobody", "nobody"),
    "trace of a cell": ("trace cell {table} nobody website --in-process", "nobody"),
    "trace without a folder": ("trace list", "ENRICH_TRACES__DIRECTORY"),
    "label": ("label {table} nobody website --wrong", "nobody"),
    "replay": ("replay nobody", "nobody"),
    "provider": ("providers nobody", "nobody"),
    "breaker": ("breaker nobody", "nobody"),
    "breaker's state": ("breaker scraper_demo --force ajar", "ajar"),
    "breaker's why": ("breaker scraper_demo --why wrong", "--why"),
    "replayed column": ("replay {table} --columns nobody", "nobody"),
    "credential": ("credentials remove nobody", "nobody"),
    "key": ("keys revoke nobody", "nobody"),
    "webhook": ("webhooks remove nobody", "nobody"),
    "webhook's address": ("webhooks add ftp://example.com", "url"),
    "delivery": ("webhooks replay 999999", "999999"),
    "paid call": ("calls settle nobody --paid", "nobody"),
    "row to purge": ("purge {table} --row nobody --yes", "nobody"),
    "schedule's table": ("schedule add nobody --cron '0 3 * * *'", "nobody"),
    "schedule's moment": ("schedule add {table} --cron 'at night'", "cron"),
    "schedule's zone": ("schedule add {table} --cron '0 3 * * *' --zone Mars/Base", "Mars/Base"),
    "schedule's window": ("schedule add {table} --cron '0 3 * * *' --window soon", "soon"),
    "schedule to pause": ("schedule pause nobody", "nobody"),
    "schedule to resume": ("schedule resume nobody", "nobody"),
    "schedule to run": ("schedule run-now nobody", "nobody"),
    "schedule to remove": ("schedule remove nobody", "nobody"),
}

#: Command lines that need PostgreSQL.
NEED_POSTGRES = (
    "tables", "columns t", "runs", "status 1", "cancel 1", "retry 1", "cell t r c", "export t",
    "run t --in-process", "metrics", "calls", "keys list", "keys revoke abc", "webhooks list",
    "credentials list", "schedule list", "schedule pause t", "schedule run-now t",
    "label t r c --wrong",
    "purge t --row r --yes", "replay t", "embed status", "migrate", "breaker scraper_demo",
    "trace cell t r c --in-process", "smoke", "bench --jobs 1",
)  # fmt: skip

#: Those that write, with a role that may only read.
NEED_RIGHTS = (
    "run {table} --in-process",
    "schedule add {table} --cron '0 3 * * *'",
    "keys create",
    "purge {table} --row row_0001 --yes",
)


@dataclass(frozen=True, slots=True)
class Told:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The last line: click puts the usage before it."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


def _ended(environment: Mapping[str, str], lines: Sequence[str]) -> dict[str, Told]:
    import shlex

    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.mistakes_child"],
        input=json.dumps([shlex.split(line) for line in lines]),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    return {line: Told(*ended) for line, ended in zip(lines, found, strict=True)}


@pytest.fixture(scope="module")
def environment(worker_environment: Mapping[str, str], tmp_path_factory: object) -> dict[str, str]:
    return {**worker_environment, "ENRICH_WEBHOOKS__LOOPBACK": "false"}


@pytest.fixture(scope="module")
def table(world: World) -> str:
    return world.make_table(2)


@pytest.fixture(scope="module")
def mistaken(environment: Mapping[str, str], table: str) -> dict[str, Told]:
    return _ended(environment, [line.format(table=table) for line, _ in UNKNOWN.values()])


@pytest.fixture(scope="module")
def downed(environment: Mapping[str, str]) -> dict[str, Told]:
    dead = {"DATABASE_URL": f"postgresql://ops:{_CANARY}@{_NOWHERE}/enrich"}
    return _ended({**environment, **dead}, NEED_POSTGRES)


@pytest.fixture(scope="module")
def reader_url(world: World) -> Iterator[str]:
    """The address of the same database for a role that may only read."""
    url = world.engine.url
    whole = url.set(drivername="postgresql").render_as_string(hide_password=False)
    role = "reader_of_mistakes"
    run = partial(administer, whole)
    run(f"DROP ROLE IF EXISTS {role}")
    run(f"CREATE ROLE {role} LOGIN")
    run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    yield url.set(drivername="postgresql", username=role).render_as_string(hide_password=False)
    run(f"DROP OWNED BY {role}")
    run(f"DROP ROLE {role}")


@pytest.fixture(scope="module")
def forbidden(environment: Mapping[str, str], table: str, reader_url: str) -> dict[str, Told]:
    lines = [line.format(table=table) for line in NEED_RIGHTS]
    return _ended({**environment, "DATABASE_URL": reader_url}, lines)


def check(told: Told, codes: set[int]) -> None:
    whole = told.out + told.err
    assert told.code in codes, whole
    assert "Traceback" not in whole
    assert _CANARY not in whole
    assert 10 < len(told.sentence) < 400, whole


@pytest.mark.parametrize("case", UNKNOWN, ids=str)
def test_what_is_not_there_is_named_in_one_sentence(
    case: str, mistaken: dict[str, Told], table: str
) -> None:
    line, word = UNKNOWN[case]
    told = mistaken[line.format(table=table)]

    check(told, {1, 2})
    assert word in told.sentence


@pytest.mark.parametrize("line", NEED_POSTGRES, ids=str)
def test_a_database_that_is_down_is_said_and_the_code_is_3(
    line: str, downed: dict[str, Told]
) -> None:
    check(downed[line], {3})
    assert downed[line].sentence.startswith("enrich: PostgreSQL: ")
    assert _NOWHERE.partition(":")[0] in downed[line].sentence


@pytest.mark.parametrize("line", NEED_RIGHTS, ids=str)
def test_a_role_without_the_right_is_told_that_and_the_way_out(
    line: str, forbidden: dict[str, Told], table: str
) -> None:
    told = forbidden[line.format(table=table)]

    check(told, {3})
    assert "may not" in told.sentence
    assert "roles.sql" in told.sentence


def test_a_home_that_is_not_ours_is_said(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("")

    told = _ended({"ENRICH_HOME": str(taken / "home")}, ["tables"])["tables"]

    check(told, {3})
    assert "ENRICH_HOME" in told.sentence


@pytest.mark.parametrize("line", ["up --no-flower --no-api", "run t", "cache clear"], ids=str)
def test_a_queue_and_a_cache_that_are_down_are_said(
    line: str, environment: Mapping[str, str]
) -> None:
    dead = f"redis://:{_CANARY}@{_NOWHERE}/0"
    told = _ended({**environment, "REDIS_URL": dead, "ENRICH_BROKER__URL": dead}, [line])[line]

    check(told, {3})
