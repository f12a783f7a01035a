"""Enriching in process while Redis is away: the answers come, and the log says so once."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from enrich import embedded
from enrich.domain.table import Column
from enrich.ports import NewRow
from tests.integration.nodes import in_database
from tests.integration.worker_fixtures import World

pytestmark = pytest.mark.servers

KEYS = ("k1", "k2", "k3")
ENRICH = """\
import json, sys
from enrich import enrich_cell
from enrich.telemetry import configure_logging

configure_logging(as_json=True)
table, *keys = sys.argv[1:]
cells = [enrich_cell(table_id=table, row_id=key, column_key="is_free") for key in keys * 2]
print(json.dumps([[cell.state, cell.metadata.cache_hit] for cell in cells]))
"""


@pytest.fixture
def stopped_url() -> Iterator[str]:
    """The address of a Valkey that ran and was stopped."""
    home = Path(tempfile.mkdtemp(prefix="enrich-w-"))
    url = embedded.start(home, only=[embedded.Server.VALKEY]).endpoints.redis_url
    embedded.stop(home)
    yield url
    shutil.rmtree(home)


@pytest.fixture
def addresses(world: World) -> str:
    """A table of mail addresses, which a provider without a network knows about."""
    wanted = Column(key="is_free", field="email_is_free", enriched=True, position=1)
    world.rows.save_columns("default", "addresses", [Column(key="email", field="email"), wanted])
    fresh = [NewRow(key=key, data={"email": f"{key}@gmail.com"}) for key in KEYS]
    world.rows.import_rows("default", "addresses", fresh)
    return "addresses"


@pytest.fixture
def enriched(
    worker_environment: Mapping[str, str], stopped_url: str, addresses: str
) -> "subprocess.CompletedProcess[str]":
    """What a process gave and logged that enriched three cells twice."""
    own = {
        **worker_environment,
        "REDIS_URL": stopped_url,
        "ENRICH_BROKER__URL": in_database(stopped_url, 1),
        "ENRICH_PROVIDERS__NAMES": "free_mail_domains",
    }
    return subprocess.run(
        [sys.executable, "-c", ENRICH, addresses, *KEYS],
        env=own,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )


def test_cells_are_enriched_from_memory_while_redis_is_away(
    enriched: "subprocess.CompletedProcess[str]",
) -> None:
    assert json.loads(enriched.stdout) == [["filled", False]] * 3 + [["filled", True]] * 3


def test_absent_redis_is_said_in_the_log_and_nothing_else_is(
    enriched: "subprocess.CompletedProcess[str]",
) -> None:
    lines = [json.loads(line) for line in enriched.stderr.splitlines()]
    warnings = {line["event"] for line in lines if line["level"] != "info"}

    assert warnings == {"[L2Cache] Redis not available, using in-memory fallback"}
