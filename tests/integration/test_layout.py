"""The layout of `deploy/` on one machine: two Valkeys with TLS and rights, roles, a worker a queue.

What the rights lack is read from the servers themselves: they note each command that they deny. The
Valkey of the wheel is built without TLS, so stunnel speaks it before each.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import yaml

from enrich.embedded.processes import Program, Supervisor
from enrich.embedded.wheels import postgres_binary, valkey_binary
from enrich.store import migrate
from enrich.store.engine import make_engine
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from enrich.store.sealing import new_seal_key
from tests.integration.api_process import serving
from tests.integration.worker_fixtures import World
from tests.store_fixtures import administer
from tests.waiting import eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.worker,
    pytest.mark.proof,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("stunnel") is None, reason="needs stunnel"),
]

_DEPLOY = Path(__file__).parents[2] / "deploy"
_STUNNEL = shutil.which("stunnel")
_PASSWORD = "only-for-this-test"


@dataclass(frozen=True, slots=True)
class Place:
    """A Valkey that speaks TLS alone, with the rights of `deploy/`."""

    port: int
    authority: Path
    name: str

    def url(self, user: str = "enrich") -> str:
        """Its address for programs of ours."""
        query = f"ssl_cert_reqs=required&ssl_ca_certs={self.authority}"
        return f"rediss://{user}:{_PASSWORD}@localhost:{self.port}/0?{query}"

    @property
    def master(self) -> redis.Redis:
        """A connection that may do everything."""
        return redis.Redis.from_url(self.url("master"), decode_responses=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own authority for localhost, with its key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"),
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem"


def rights(of: str) -> str:
    """Give the file of `deploy/` with its passwords filled in, and a master for looking."""
    hashed = sha256(_PASSWORD.encode()).hexdigest()
    lines = (_DEPLOY / f"valkey/{of}.acl").read_text().replace("REPLACE_WITH_SHA256", hashed)
    kept = [line for line in lines.splitlines() if line.startswith("user ")]
    return "\n".join([*kept, f"user master on #{hashed} ~* &* +@all", ""])


@contextmanager
def valkey(name: str, authority: Path, folder: Path) -> Iterator[Place]:
    folder.mkdir()
    (folder / "users.acl").write_text(rights(name))
    port, plain = _free_port(), _free_port()
    server = [
        str(valkey_binary()), str(_DEPLOY / f"valkey/{name}.conf"), "--port", str(plain),
        "--bind", "127.0.0.1", "--dir", str(folder), "--aclfile", str(folder / "users.acl"),
    ]  # fmt: skip
    tunnel = folder / "stunnel.conf"
    tunnel.write_text(
        f"foreground = yes\n[{name}]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{plain}\n"
        f"cert = {authority}\nkey = {authority.with_name('key.pem')}\n"
    )
    programs = [
        Program(name=name, command=server, log=folder / "log"),
        Program(name="tls", command=[str(_STUNNEL), str(tunnel)], log=folder / "tls.log"),
    ]
    place = Place(port, authority, name)
    with Supervisor(programs):
        assert eventually(lambda: _answers(place)), (folder / "log").read_text()
        yield place


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(place: Place) -> bool:
    try:
        with place.master as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="module")
def broker(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with valkey("broker", authority, tmp_path_factory.mktemp("b") / "broker") as place:
        yield place


@pytest.fixture(scope="module")
def cache(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with valkey("cache", authority, tmp_path_factory.mktemp("c") / "cache") as place:
        yield place


@pytest.fixture(scope="module")
def application_url(database_url: str) -> Iterator[str]:
    """A database that its owner has migrated, as the application's role reaches it."""
    parts = urlsplit(database_url)
    name = f"layout_{secrets.token_hex(3)}"
    administer(database_url, f"CREATE DATABASE {name}")
    whole = parts._replace(path=f"/{name}")
    owner = whole._replace(netloc=whole.netloc.replace(parts.username or "", "enrich_owner"))
    administer(whole.geturl(), "CREATE EXTENSION IF NOT EXISTS vector")
    _roles(whole.geturl())
    migrate.upgrade(owner.geturl())
    # Once more, for what the migrations have made.
    _roles(whole.geturl())
    yield whole._replace(netloc=whole.netloc.replace(parts.username or "", "enrich_app")).geturl()
    administer(database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _roles(url: str) -> None:
    passwords = ("--set", "app_password=a", "--set", "read_password=r")
    file = str(_DEPLOY / "postgres/roles.sql")
    psql = [str(postgres_binary("psql")), "--no-psqlrc", "--quiet", "--dbname", url, *passwords]
    done = subprocess.run([*psql, "--file", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def processes(environment: Mapping[str, str], folder: Path) -> list[Program]:
    """The workers and the scheduler of compose, two processes of the first kind."""
    services = yaml.safe_load((_DEPLOY / "compose.yaml").read_text())["services"]
    commands = {name: one["command"] for name, one in services.items() if "worker-" in name}
    commands |= {"worker-probe2": commands["worker-probe"], "beat": services["beat"]["command"]}
    return [
        Program(
            name=name,
            command=[sys.executable, "-m", *map(str, command), *_named(name)],
            environment=environment,
            log=folder / f"{name}.log",
        )
        for name, command in commands.items()
    ]


def _named(name: str) -> list[str]:
    return [] if name == "beat" else [f"--hostname={name}@layout"]


def denied(place: Place) -> list[tuple[str, str, str]]:
    with place.master as client:
        return sorted({(e["reason"], e["object"], e["username"]) for e in client.acl_log()})


def used(place: Place) -> list[str]:
    with place.master as client:
        return sorted(name.removeprefix("cmdstat_") for name in client.info("commandstats"))


def test_a_run_passes_with_the_rights_of_deploy(
    broker: Place, cache: Place, application_url: str, tmp_path: Path
) -> None:
    engine = make_engine(application_url)
    world = World(engine, PostgresRowStore(engine), PostgresRunStore(engine))
    table = world.make_table(60)
    environment = {
        "DATABASE_URL": application_url,
        "REDIS_URL": cache.url(),
        "ENRICH_BROKER__URL": broker.url(),
        "ENRICH_HOME": str(tmp_path / "home"),
        "ENRICH_PRODUCTION": "true",
        "ENRICH_KEYRING__KEYS": new_seal_key(),
        "ENRICH_PROVIDERS__NAMES": "scraper_demo,apollo_demo,linkedin_api",
        "ENRICH_PROVIDERS__SIMULATED": "true",
        "ENRICH_RUNS__BATCH_ROWS": "10",
        "PYTHONUNBUFFERED": "1",
    }
    programs = processes(environment, tmp_path)

    with Supervisor(programs), serving(environment, tmp_path / "api.log"):
        is_up = eventually(lambda: all(_ready(one) for one in programs), within_s=120)
        assert is_up, (denied(broker), denied(cache))
        told = [
            _shell(environment, *line)
            for line in (
                ["doctor", "--json"],
                ["run", table, "--columns", "industry,website", "--wait", "--json"],
                ["metrics", "--json"],
                ["breaker", "apollo_demo", "--force", "closed"],
                ["cache", "clear"],
                ["providers"],
            )
        ]
        # The scheduler has swept and looked at what is due by then.
        assert eventually(lambda: _ticked(tmp_path / "beat.log"), within_s=60)
    engine.dispose()

    assert [(code, said) for code, said in told if code] == []
    assert '"state": "done"' in told[1][1]
    sys.stdout.write(f"broker: {' '.join(used(broker))}\ncache: {' '.join(used(cache))}\n")
    assert (denied(broker), denied(cache)) == ([], [])


@pytest.mark.parametrize("command", ["FLUSHALL", "CONFIG GET maxmemory", "KEYS *", "SHUTDOWN"])
@pytest.mark.parametrize("name", ["broker", "cache"])
def test_our_user_may_not_manage_a_server(
    name: str, command: str, request: pytest.FixtureRequest
) -> None:
    place: Place = request.getfixturevalue(name)

    with (
        redis.Redis.from_url(place.url()) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command.split())


def _ready(program: Program) -> bool:
    assert program.log is not None
    text = program.log.read_text(errors="replace") if program.log.exists() else ""
    return bool(re.search(r"ready\.|beat: Starting", text))


def _ticked(log: Path) -> bool:
    said = log.read_text(errors="replace")
    return "enrich.sweep" in said and "enrich.schedule" in said


def _shell(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "enrich.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")
