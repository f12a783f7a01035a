"""What is asked for by SQL is heard of: by whoever listens, and by a real scheduler's thread."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest
import redis
from sqlalchemy import text

from enrich.store.notices import Notices
from tests.integration.nodes import in_database
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = pytest.mark.servers

_BROKER = 9
_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0
#: A scheduler that is never asked what its clock says is due.
_STILL = """
import sys, threading
from tasks.app import app
from tasks.beat import HomeScheduler
scheduler = HomeScheduler(app=app, schedule_filename=sys.argv[1])
sys.stdin.read()
scheduler.close()
"""
_CUT = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = 'enrich notices' AND datname = current_database()
"""


@contextmanager
def listening(url: str, channel: str = "tried") -> Iterator["Queue[None]"]:
    """Listen; gives what has one item for each time that something was heard."""
    heard: Queue[None] = Queue()
    notices = Notices(url, channel, lambda: heard.put(None), again_s=0.05, pause_s=0.0)
    try:
        yield heard
    finally:
        notices.close()
        assert not notices._thread.is_alive()


@pytest.fixture
def url(world: World) -> str:
    """The workers' database."""
    return world.engine.url.render_as_string(hide_password=False)


def notify(world: World, channel: str = "tried") -> None:
    """Tell whoever listens."""
    with world.engine.begin() as connection:
        connection.execute(text(f"NOTIFY {channel}"))


def test_who_listens_looks_once_at_first_and_then_at_each_notice(url: str, world: World) -> None:
    with listening(url) as heard:
        heard.get(timeout=_PATIENCE_S)
        notify(world, "another")
        notify(world)
        heard.get(timeout=_PATIENCE_S)
        notify(world)
        heard.get(timeout=_PATIENCE_S)

        assert heard.empty()


def test_a_lost_connection_is_made_again_and_what_was_missed_is_looked_for(
    url: str, world: World
) -> None:
    with listening(url) as heard:
        heard.get(timeout=_PATIENCE_S)
        cut = world.scalar(_CUT)
        heard.get(timeout=_PATIENCE_S)
        notify(world)
        heard.get(timeout=_PATIENCE_S)

    # One that was closed just now may still be listed.
    assert cut >= 1


def test_a_server_that_is_not_there_keeps_nobody_from_ending() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    with listening(f"postgresql://nobody@127.0.0.1:{port}/none") as heard:
        pass

    assert heard.empty()


@contextmanager
def still_scheduler(environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run a scheduler that does nothing by the clock."""
    command = [sys.executable, "-c", _STILL, str(folder / "schedule")]
    process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0


def waiting(broker: "redis.Redis") -> int:
    """Count the messages that wait for whoever does what the clock asks for."""
    return sum(map(broker.llen, broker.keys("enrich.control*")))  # type: ignore[arg-type]


def test_a_scheduler_has_a_request_looked_for_without_its_clock(
    world: World, worker_environment: Mapping[str, str], redis_url: str, tmp_path: Path
) -> None:
    broker = in_database(redis_url, _BROKER)
    own = {**os.environ, **worker_environment, "ENRICH_BROKER__URL": broker}
    with redis.Redis.from_url(broker) as client:
        # Others have had this database before.
        client.flushdb()
        with still_scheduler(own, tmp_path):
            assert eventually(lambda: waiting(client) == 1), "it looks once when it begins"

            with world.engine.begin() as connection:
                connection.execute(text("SELECT enrich_request('none', 'none')"))

            assert eventually(lambda: waiting(client) == 2)
            with world.engine.begin() as connection:
                connection.execute(text("DELETE FROM requests WHERE table_name = 'none'"))
        client.flushdb()
