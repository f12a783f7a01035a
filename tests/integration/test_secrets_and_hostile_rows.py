"""One worker, vendors that repeat their keys in every way, and rows that mean harm.

No secret is found anywhere afterwards, and no value has left the place that it was put in.
"""

import json
import secrets
import subprocess
import sys
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import redis
from celery import Celery

from enrich.domain.secret import Secret
from enrich.domain.table import Column
from enrich.embedded import celery_url
from enrich.ports import NewRow
from enrich.store.credentials import PostgresCredentialStore
from enrich.store.keyring import given_keys
from enrich.store.sealing import Sealer, new_seal_key
from tests.integration.echoing_vendor import EchoingVendor, echoing_vendor
from tests.integration.nodes import WorkerProcess, in_database
from tests.integration.worker_fixtures import World

pytestmark = [pytest.mark.servers, pytest.mark.worker]

_CACHE, _BROKER = 9, 10
_WAYS = ("refused", "broken", "cut", "page", "value", "limited", "hang")
HOSTILE = (
    "@evil.example", "#fragment", "?a=b&c=d", "../../admin", "..%2f..%2fadmin", "{}", "{city}",
    "169.254.169.254", "http://169.254.169.254/latest", "//evil.example/x", "a\r\nX-Injected: 1",
    "a\nb", "%0d%0aX-Injected: 1", '"}, {"admin": true', "'; DROP TABLE rows; --", "a\\u0000b",
    "back\\slash", "x" * 1900, "=1+1", "${jndi:ldap://x}", "<script>",
)  # fmt: skip
_UNSENDABLE = ("..", "y" * 2001, "ümläut ⓛ")

_SPEC = """
name = "{name}"
title = "Echo"
tier = "free"
licence = "none"
source = "made up"
data_class = "public"
base_url = "{url}"
inputs = [["company_name"]]
[retry]
attempts = 0
[timeouts]
connect_s = {patience_s}
read_s = {patience_s}
total_s = {patience_s}
[auth]
{auth}
{request}
[response.fields]
industry = {{ path = "name", prior = 0.9 }}
"""
_SIMPLE = '[[request]]\npath = "/{company_name}"'
_JSON = """
[[request]]
method = "POST"
path = "/hostile/{company_name}/end"
query = { q = "{company_name}", fixed = "1" }
headers = { X-Asked = "{company_name}" }
json = { q = "{company_name}", deep = { list = ["is {company_name}"] }, fixed = 1 }
"""
_FORM = """
[[request]]
method = "POST"
path = "/form"
form = { q = "{company_name}", fixed = "1" }
"""
_HEADER_AUTH, _QUERY_AUTH, _BASIC_AUTH = (
    'kind = "header"\nname = "X-Api-Key"',
    'kind = "query"\nname = "api_key"',
    'kind = "basic"',
)


@dataclass(frozen=True)
class Scene:
    """What happened in one run, and all that may be looked through afterwards."""

    vendor: EchoingVendor
    canaries: Mapping[str, str]
    environment: Mapping[str, str]
    worker: WorkerProcess
    pid_before: int | None
    summary: Mapping[str, Any]
    world: World
    events: list[Any] = field(default_factory=list)

    def postgres(self) -> str:
        """All rows of all tables."""
        names = self.world.all("SELECT relname FROM pg_class WHERE relkind = 'r' AND"
                               " relnamespace = 'public'::regnamespace")  # fmt: skip
        return repr([self.world.all(f"SELECT t::text FROM {name} t") for (name,) in names])

    def redis(self) -> str:
        """All keys and values of cache and broker."""
        urls = (self.environment["REDIS_URL"], self.environment["ENRICH_BROKER__URL"])
        return repr([_everything(url) for url in urls])

    def processes(self) -> str:
        """The command lines of all processes of this machine."""
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                lines.append(path.read_bytes())
        return repr(lines)

    def shell(self) -> str:
        """What a person is shown who looks at all of it."""
        cell = ("cell", "harm", "refused", "industry", "--evidence")
        shown = [("credentials", "list", "--json"), ("doctor",), cell]
        return repr([_run(command, self.environment) for command in shown])


def _run(command: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, str]:
    line = [sys.executable, "-m", "enrich.cli", *command]
    done = subprocess.run(
        line, env=environment, text=True, capture_output=True, timeout=100, check=False
    )
    return done.stdout, done.stderr


def _everything(url: str) -> list[Any]:
    with redis.Redis.from_url(url) as client:
        reads: Mapping[bytes, Callable[[bytes], Any]] = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
            b"stream": client.xrange,
            b"none": lambda _gone: None,  # its time ran out meanwhile
        }
        return [(key, reads[client.type(key)](key)) for key in list(client.scan_iter())]


def _with_login(url: str, user: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}:{password}@{rest.rpartition('@')[2]}"


@pytest.fixture(scope="module")
def scene(
    world: World,
    worker_environment: Mapping[str, str],
    redis_url: str,
    start_worker: Callable[..., WorkerProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Make one run over rows that mean harm, by vendors that repeat what they hear."""
    words = ("env_key", "kept_key", "kept_password", "redis", "database", "ring")
    canaries = {word: f"canary{word.replace('_', '')}{secrets.token_hex(8)}" for word in words}
    pair = f"user:{canaries['kept_password']}"
    canaries["basic"] = b64encode(pair.encode()).decode()
    ring = canaries["ring"] = new_seal_key()
    folder = tmp_path_factory.mktemp("vendors")
    with echoing_vendor() as vendor, redis.Redis.from_url(redis_url) as admin:
        for name, auth, request in (
            ("in_header", _HEADER_AUTH, _SIMPLE), ("in_query", _QUERY_AUTH, _SIMPLE),
            ("in_basic", _BASIC_AUTH, _SIMPLE), ("by_json", _HEADER_AUTH, _JSON),
            ("by_form", _HEADER_AUTH, _FORM),
        ):  # fmt: skip
            # A vendor that hangs is waited for briefly, a busy machine for long.
            patience_s = 2.0 if request is _SIMPLE else 10.0
            text = _SPEC.format(
                name=name, url=vendor.url, auth=auth, request=request, patience_s=patience_s
            )
            (folder / f"{name}.toml").write_text(text)
        admin.acl_setuser(
            "canary", enabled=True, passwords=[f"+{canaries['redis']}"], keys=["*"],
            channels=["*"], commands=["+@all"],
        )  # fmt: skip
        logins = {
            name: _with_login(in_database(redis_url, number), "canary", canaries["redis"])
            for name, number in (("REDIS_URL", _CACHE), ("ENRICH_BROKER__URL", _BROKER))
        }
        database = world.engine.url.set(password=canaries["database"])
        environment = {
            **worker_environment,
            **logins,
            "DATABASE_URL": database.render_as_string(hide_password=False),
            "ENRICH_PROVIDERS__NAMES": "in_header,in_query,in_basic,by_json,by_form",
            "ENRICH_PROVIDERS__DIRECTORY": str(folder),
            "ENRICH_CREDENTIALS__IN_HEADER": canaries["env_key"],
            "ENRICH_CREDENTIALS__BY_JSON": canaries["env_key"],
            "ENRICH_CREDENTIALS__BY_FORM": canaries["env_key"],
            "ENRICH_KEYRING__KEYS": ring,
            "ENRICH_RUNS__MAX_WAIT_SECONDS": "0",
            "ENRICH_LOG__LEVEL": "DEBUG",
        }
        store = PostgresCredentialStore(world.engine, Sealer(given_keys(ring)))
        store.add("default", "in_query", "main", Secret(canaries["kept_key"]))
        store.add("default", "in_basic", "main", Secret(pair))
        yield _played(world, vendor, canaries, environment, start_worker)
        admin.acl_deluser("canary")


def _played(
    world: World,
    vendor: EchoingVendor,
    canaries: Mapping[str, str],
    environment: Mapping[str, str],
    start_worker: Callable[..., WorkerProcess],
) -> Scene:
    columns = [Column(key="company", field="company_name"),
               Column(key="industry", field="industry", enriched=True, position=1)]  # fmt: skip
    world.rows.save_columns("default", "harm", columns)
    rows = [NewRow(key=way, data={"company": way}) for way in _WAYS]
    rows += [NewRow(key=f"h{number}", data={"company": value})
             for number, value in enumerate((*HOSTILE, *_UNSENDABLE))]  # fmt: skip
    world.rows.import_rows("default", "harm", rows)
    worker = start_worker("secretive", environment)
    worker.ready()
    address = celery_url(environment["ENRICH_BROKER__URL"])
    events: list[Any] = []
    app, stop = Celery(broker=address, backend=address), threading.Event()
    listener = threading.Thread(target=_listen, args=(app, events, stop))
    listener.start()
    app.control.enable_events()
    before = worker.pid
    try:
        sent = app.send_task("enrich.table", ("harm", ["industry"]), queue="enrich.ingest")
        summary = sent.get(timeout=200)
    finally:
        stop.set()
        listener.join()
        app.close()
    return Scene(vendor, canaries, environment, worker, before, summary, world, events)


def _listen(app: Celery, events: list[Any], stop: threading.Event) -> None:
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": events.append})
        while not stop.is_set():
            with suppress(TimeoutError):
                receiver.capture(limit=None, timeout=0.5, wakeup=False)


_SINKS: Mapping[str, Callable[[Scene], str]] = {
    "the worker's log": lambda scene: scene.worker.logs(),
    "Postgres": Scene.postgres,
    "Redis": Scene.redis,
    "Celery's events": lambda scene: repr(scene.events),
    "the run's answer": lambda scene: repr(scene.summary),
    "command lines": Scene.processes,
    "the shell": Scene.shell,
}


@pytest.mark.parametrize("sink", _SINKS.values(), ids=_SINKS.keys())
def test_no_secret_is_found(scene: Scene, sink: Callable[[Scene], str]) -> None:
    looked_through = sink(scene)

    assert len(looked_through) > 100 or "run_id" in looked_through
    assert [name for name, value in scene.canaries.items() if value in looked_through] == []


def test_the_secrets_were_really_sent_and_really_repeated(scene: Scene) -> None:
    heard = repr(scene.vendor.asked)

    assert scene.canaries["env_key"] in heard
    assert scene.canaries["kept_key"] in heard
    assert {way for way in _WAYS if f"/{way}" in heard} == set(_WAYS)
    assert "task-received" in repr(scene.events)
    assert "gAAAA" in scene.postgres()  # what is sealed is there


def test_a_key_that_comes_back_as_a_value_is_no_value(scene: Scene) -> None:
    said = scene.world.all(
        "SELECT s.kind, s.outcome ->> 'reason' FROM responses s JOIN rows r"
        " ON r.id = s.row_id WHERE r.key = 'value' AND s.provider LIKE 'in_%'"
    )

    assert "found" not in {kind for kind, _ in said}
    assert "the answer repeats our key" in {reason for _, reason in said}


def _sendable(value: str) -> str:
    return "".join(" " if char in "\r\n\x00" else char for char in value).strip()


def test_hostile_values_stay_in_their_places(scene: Scene) -> None:
    asked = [one for one in scene.vendor.asked if "/hostile/" in one.target]
    places = [urlsplit(one.target) for one in asked]
    segments = Counter(unquote(place.path.split("/")[2]) for place in places)

    assert {place.path.count("/") for place in places} == {3}
    assert {place.path.rpartition("/")[2] for place in places} == {"end"}
    assert segments == Counter(parse_qsl(p.query)[0][1] for p in places)
    assert {tuple(name for name, _ in parse_qsl(p.query)) for p in places} == {("q", "fixed")}
    assert {tuple(json.loads(one.body)) for one in asked} == {("q", "deep", "fixed")}
    assert {json.loads(one.body)["fixed"] for one in asked} == {1}
    assert all(name.lower() != "x-injected" for one in asked for name, _ in one.headers)
    sent = {" ".join(json.loads(one.body)["q"].split()) for one in asked}
    assert sent - set(_WAYS) == {" ".join(_sendable(value).split()) for value in HOSTILE}
    assert {dict(one.headers)["X-Asked"] for one in asked} == {
        json.loads(one.body)["q"] for one in asked
    }


def test_hostile_values_stay_in_their_place_of_a_form(scene: Scene) -> None:
    forms = [parse_qsl(one.body) for one in scene.vendor.asked if one.target == "/form"]

    assert {tuple(name for name, _ in form) for form in forms} == {("q", "fixed")}
    assert {form[1][1] for form in forms} == {"1"}
    received = {" ".join(form[0][1].split()) for form in forms} - set(_WAYS)
    assert received == {
        " ".join(_sendable(value).split()) for value in (*HOSTILE, _UNSENDABLE[0], _UNSENDABLE[2])
    }


def test_what_cannot_be_sent_is_the_rows_own_fault(scene: Scene) -> None:
    number = len(HOSTILE)
    said = scene.world.all(
        "SELECT r.key, s.kind FROM responses s JOIN rows r ON r.id = s.row_id"
        " WHERE s.provider = 'by_json' AND r.key = ANY(:keys) ORDER BY 1",
        keys=[f"h{number + place}" for place in range(len(_UNSENDABLE))],
    )

    assert [kind for _, kind in said] == ["invalid_input"] * len(_UNSENDABLE)


def test_the_worker_has_lived_through_all_of_it(scene: Scene) -> None:
    assert scene.worker.pid == scene.pid_before is not None
    assert scene.summary["rows"] == len(_WAYS) + len(HOSTILE) + len(_UNSENDABLE)
    assert "Traceback" not in scene.worker.logs()
