"""Embedded servers: started once, found again, recovered from every kind of death."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis
from celery import Celery

from enrich import embedded
from enrich.embedded import Server, celery_url
from enrich.embedded.account import Account, open_tree
from enrich.embedded.home import Home, holds
from enrich.embedded.process import until
from enrich.errors import EmbeddedServerError

pytestmark = pytest.mark.servers

START = """\
import json, sys
from pathlib import Path
from enrich import embedded
started = embedded.start(Path(sys.argv[1]))
print(json.dumps([sorted(started.now), started.endpoints.database_url]))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="enrich-e-"))
    yield path
    embedded.stop(path)
    shutil.rmtree(path)


def query(home: Path, *statements: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(
        embedded.start(home, only=[Server.POSTGRES]).endpoints.database_url
    )
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(";".join(statements))
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def client(home: Path) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(embedded.start(home, only=[Server.VALKEY]).endpoints.redis_url)


def kill(home: Path, server: Server) -> None:
    alive = Home.at(home).alive(server)
    os.kill(int(alive.read_text()), signal.SIGKILL)
    assert until(lambda: not holds(alive), deadline_s=30)


def starter(home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, text=True
    )


def test_second_start_finds_what_the_first_has_started(home: Path) -> None:
    first, second = embedded.start(home), embedded.start(home)

    assert first.now == frozenset(Server)
    assert second.now == frozenset()
    assert first.endpoints == second.endpoints


def test_two_processes_at_once_start_one_of_each(home: Path) -> None:
    askers = [starter(home), starter(home)]

    answers = [json.loads(asker.communicate(timeout=90)[0]) for asker in askers]

    assert sorted(len(now) for now, _ in answers) == [0, 2]
    assert answers[0][1] == answers[1][1]


def test_servers_outlive_a_starter_that_is_killed(home: Path) -> None:
    asker = starter(home)
    assert asker.stdout is not None
    asker.stdout.readline()
    asker.kill()
    asker.communicate()

    assert embedded.start(home).now == frozenset()


def test_stop_ends_what_runs_and_says_so(home: Path) -> None:
    embedded.start(home)

    assert embedded.stop(home) == frozenset(Server)
    assert embedded.stop(home) == frozenset()
    assert [(one.is_alive, one.answers) for one in embedded.status(home)] == [(False, False)] * 2


def test_status_of_running_servers_is_alive_and_answering(home: Path) -> None:
    embedded.start(home)

    assert [(one.is_alive, one.answers) for one in embedded.status(home)] == [(True, True)] * 2


def test_nothing_listens_on_a_port(home: Path) -> None:
    assert query(home, "SHOW listen_addresses") == [("",)]
    with client(home) as valkey:
        assert valkey.config_get("port") == {"port": "0"}


def test_killed_postgres_comes_back_with_its_data(home: Path) -> None:
    query(home, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    kill(home, Server.POSTGRES)

    assert embedded.start(home).now >= {Server.POSTGRES}
    assert query(home, "SELECT n FROM kept") == [(7,)]


def test_killed_valkey_comes_back_with_its_data(home: Path) -> None:
    with client(home) as valkey:
        valkey.set("kept", "7")
        valkey.waitaof(1, 0, 10_000)
    kill(home, Server.VALKEY)

    with client(home) as valkey:
        assert valkey.get("kept") == b"7"


def test_half_written_command_at_the_end_of_valkeys_file_is_cut_off(home: Path) -> None:
    with client(home) as valkey:
        valkey.set("kept", "7")
        valkey.waitaof(1, 0, 10_000)
    kill(home, Server.VALKEY)
    [file] = Home.at(home).data(Server.VALKEY).glob("appendonlydir/*.incr.aof")
    with file.open("ab") as out:
        out.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")

    with client(home) as valkey:
        assert valkey.keys() == [b"kept"]


def test_stale_number_that_belongs_to_another_process_does_not_hinder(home: Path) -> None:
    embedded.start(home, only=[Server.POSTGRES])
    pid_file = Home.at(home).data(Server.POSTGRES) / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    kill(home, Server.POSTGRES)
    with subprocess.Popen(["sleep", "1000"], user=pid_file.parent.stat().st_uid) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        Home.at(home).alive(Server.POSTGRES).write_text(str(stranger.pid))

        try:
            assert embedded.stop(home) == frozenset()
            assert embedded.start(home, only=[Server.POSTGRES]).now == {Server.POSTGRES}
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_half_made_data_folder_is_made_again(home: Path) -> None:
    draft = home / "postgres" / "data.draft"
    (draft / "base").mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18")

    assert query(home, "SELECT 1") == [(1,)]
    assert not draft.exists()


def test_starter_killed_while_it_makes_the_data_folder_does_no_harm(home: Path) -> None:
    asker = starter(home)
    draft, made = home / "postgres" / "data.draft", home / "postgres" / "data"
    # The draft is there for a moment only: whoever sees it too late kills a little later.
    assert until(lambda: draft.exists() or made.exists(), deadline_s=100)
    asker.kill()
    asker.communicate()

    assert query(home, "SELECT 1") == [(1,)]


def test_variables_of_postgres_tools_have_no_effect(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")

    assert query(home, "SHOW port") == [("5432",)]


def test_servers_do_not_see_our_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret-value")

    [(seen,)] = query(
        home,
        "CREATE TABLE env (line text)",
        "COPY env FROM PROGRAM 'env'",
        "SELECT coalesce(string_agg(line, ' '), '') FROM env",
    )

    assert "secret-value" not in str(seen)


def test_home_with_a_long_path_works(home: Path) -> None:
    deep = home / ("long" * 30)

    try:
        assert query(deep, "SELECT 1") == [(1,)]
        with client(deep) as valkey:
            assert valkey.ping()
    finally:
        embedded.stop(deep)
        shutil.rmtree(Home.at(deep).sockets)


@pytest.mark.parametrize("name", ["o'dd %20\\x,\"#q?\n", "ü"], ids=ascii)
def test_home_with_an_odd_path_works(home: Path, name: str) -> None:
    odd = home / name

    try:
        assert query(odd, "SELECT 1") == [(1,)]
        with client(odd) as valkey:
            assert valkey.ping()
    finally:
        embedded.stop(odd)
        shutil.rmtree(Home.at(odd).sockets)


def test_folder_of_sockets_that_is_a_link_is_refused(home: Path) -> None:
    deep = home / ("long" * 30)
    sockets = Home.at(deep).sockets
    sockets.symlink_to(home)

    try:
        with pytest.raises(EmbeddedServerError, match="belongs to somebody else"):
            embedded.start(deep)
    finally:
        sockets.unlink()


def test_server_that_cannot_start_says_why_and_where_its_log_is(home: Path) -> None:
    embedded.start(home, only=[Server.POSTGRES])
    embedded.stop(home)
    (home / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(EmbeddedServerError) as caught:
        embedded.start(home, only=[Server.POSTGRES])

    assert str(home / "postgres.log") in str(caught.value)
    assert "9.6" in str(caught.value)


def test_home_that_is_a_file_is_an_error_with_a_way_out(home: Path) -> None:
    file = home / "file"
    file.touch()

    with pytest.raises(EmbeddedServerError, match="ENRICH_HOME"):
        embedded.start(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_root_starts_servers_below_a_folder_that_is_shut(home: Path) -> None:
    home.chmod(0o700)

    assert query(home / "deep" / "home", "SELECT 1") == [(1,)]
    assert home.stat().st_mode & 0o777 == 0o701
    assert (home / "deep" / "home" / "postgres" / "data").stat().st_uid != 0
    embedded.stop(home / "deep" / "home")


def test_celery_sends_through_the_socket(home: Path) -> None:
    endpoints = embedded.start(home, only=[Server.VALKEY]).endpoints
    app = Celery(broker=celery_url(endpoints.broker_url), set_as_current=False)

    with app.connection_for_write() as connection:
        app.send_task("some.task", connection=connection, retry=False)

    with redis.Redis.from_url(endpoints.broker_url) as broker:
        assert broker.llen("celery") == 1
    with redis.Redis.from_url(endpoints.redis_url) as state:
        assert state.dbsize() == 0
    app.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_programs_installed_under_a_private_umask_become_usable(tmp_path: Path) -> None:
    program, text = tmp_path / "tree" / "bin" / "run", tmp_path / "tree" / "text"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o700)
    text.touch(mode=0o600)
    for folder in (tmp_path / "tree", program.parent):
        folder.chmod(0o700)

    open_tree(tmp_path / "tree", Account(uid=65534, gid=65534))

    modes = [path.stat().st_mode & 0o777 for path in (program.parent, program, text)]
    assert modes == [0o705, 0o705, 0o604]
