"""The console's own addresses: who may ask them, and what they write down."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text

from enrich.domain.access import Scope
from enrich.domain.run import RunOptions
from enrich.domain.table import Column
from enrich.ports import NewRow, NewRun, Selection
from enrich.store.access_keys import PostgresAccessKeys
from enrich.store.board import PostgresBoard
from enrich.store.erasure import PostgresErasure
from tests.integration.api_fixtures import bearer, check
from tests.integration.api_process import Caller, make_key, serving
from tests.integration.worker_fixtures import World

pytestmark = pytest.mark.servers

TENANT = "watchers"
ROW = "../a/b?c=<b>"
CELL = {"table_id": "odd/name", "row_id": ROW, "column_key": "company"}


@pytest.fixture(scope="module")
def guarded(worker_environment: Mapping[str, str], tmp_path_factory: Any) -> Iterator[str]:
    """An interface whose breakers are on, and of whose tenants one has a key of its own."""
    own = {
        **worker_environment,
        "ENRICH_BREAKER__ENABLED": "true",
        "ENRICH_PROVIDERS__CATALOGUE": "true",
        "ENRICH_PROVIDERS__NAMES": f"{worker_environment['ENRICH_PROVIDERS__NAMES']},apollo",
        "ENRICH_CREDENTIALS__APOLLO": "the-key-of-everybody",
        f"ENRICH_CREDENTIALS__APOLLO__{TENANT.upper()}": "the-key-of-watchers",
    }
    with serving(own, tmp_path_factory.mktemp("guarded") / "api.log") as url:
        yield url


@pytest.fixture(scope="module")
def watcher(guarded: str, access_keys: PostgresAccessKeys) -> Caller:
    """Somebody who may do all for a tenant."""
    key = make_key(access_keys, "watcher1", tenant=TENANT)
    return Caller(guarded, {**bearer(key), "X-Tenant-ID": TENANT})


@pytest.fixture(scope="module")
def keeper(guarded: str, access_keys: PostgresAccessKeys) -> Caller:
    """Somebody who may do all for a tenant, and nothing for the others."""
    scopes = frozenset(Scope) - {Scope.OPERATE_ALL}
    key = make_key(access_keys, "keeper01", tenant=TENANT, scopes=scopes)
    return Caller(guarded, {**bearer(key), "X-Tenant-ID": TENANT})


@pytest.fixture(scope="module")
def stranger(guarded: str, access_keys: PostgresAccessKeys) -> Caller:
    """Somebody of another tenant, who asks with everybody's key."""
    key = make_key(access_keys, "stranger", tenant="strangers")
    return Caller(guarded, {**bearer(key), "X-Tenant-ID": "strangers"})


@pytest.fixture(scope="module")
def powerless(guarded: str, access_keys: PostgresAccessKeys) -> Caller:
    """Somebody whose key allows nothing."""
    key = make_key(access_keys, "noscopes", tenant=TENANT, scopes=frozenset())
    return Caller(guarded, {**bearer(key), "X-Tenant-ID": TENANT})


@pytest.fixture(scope="module")
def odd(world: World) -> None:
    """A table and a row whose names would be read as paths."""
    world.rows.save_columns(TENANT, "odd/name", [Column(key="company", field="company_name")])
    world.rows.import_rows(TENANT, "odd/name", [NewRow(key=ROW, data={"company": "x" * 5000})])


def test_the_page_lets_nothing_but_its_own_files_run(guarded: str) -> None:
    answer = requests.get(f"{guarded}/", timeout=100)

    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_asks_nobody_else_for_anything(guarded: str) -> None:
    page = requests.get(f"{guarded}/", timeout=100).text

    assert "//" not in page.replace("<!doctype html>", "")
    check(requests.get(f"{guarded}/console/routes.py", timeout=100), 404)


def test_a_key_is_told_whose_it_is(guarded: str, access_keys: PostgresAccessKeys) -> None:
    key = make_key(access_keys, "onlyread", tenant=TENANT, scopes=frozenset({Scope.READ}))

    told = Caller(guarded, bearer(key)).get("/v1/console/session").json()

    assert told == {"name": "onlyread", "tenant": TENANT, "scopes": ["read"]}
    check(requests.get(f"{guarded}/v1/console/session", timeout=100), 401)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/v1/console/events", id="stream"),
        pytest.param("GET", "/v1/console/rows?table_id=t", id="rows"),
        pytest.param("GET", "/v1/console/cell?table_id=t&row_id=r&column_key=c", id="cell"),
        pytest.param("GET", "/v1/console/acts", id="acts"),
        pytest.param("POST", "/v1/console/labels", id="labels"),
        pytest.param("POST", "/v1/runs/1/cancel", id="cancel"),
        pytest.param("POST", "/v1/providers/apollo_demo/breaker", id="breaker"),
    ],
)
def test_a_key_without_the_scope_is_told_which(powerless: Caller, method: str, path: str) -> None:
    refused = powerless(method, path, json={})

    assert "lacks the scope" in check(refused, 403)["detail"]


def test_the_stream_tells_every_section(watcher: Caller) -> None:
    wanted = {"runs", "providers", "system", "workers", "spent", "trust"}
    heard: dict[str, Any] = {}
    with watcher.get("/v1/console/events", stream=True) as answer:
        lines = answer.iter_lines(decode_unicode=True)
        while not wanted <= heard.keys():
            name = next(lines).removeprefix("event: ")
            heard[name] = json.loads(next(lines).removeprefix("data: "))
            assert next(lines) == ""

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert not [name for name, told in heard.items() if "error" in told]
    assert {one["provider"] for one in heard["providers"]["items"]} >= {"apollo_demo"}
    assert heard["runs"] == {"items": []}


@pytest.mark.usefixtures("odd")
def test_names_that_look_like_paths_are_names(watcher: Caller) -> None:
    rows = watcher.get("/v1/console/rows", params={"table_id": "odd/name"}).json()
    cell = watcher.get("/v1/console/cell", params=CELL).json()
    labelled = watcher.post("/v1/console/labels", {**CELL, "right": False})

    (only,) = rows["items"]
    assert (only["row"], only["cells"]["company"]["state"]) == (ROW, "typed")
    assert len(only["cells"]["company"]["value"]) < 200
    assert (len(cell["value"]), cell["typed"], cell["why"]["decided"]) == (5000, True, None)
    assert labelled.json() == {"row": ROW, "column": "company", "right": False}


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("wrong", ["table_id", "row_id", "column_key"])
def test_a_name_that_is_not_there_is_named(watcher: Caller, wrong: str) -> None:
    answer = watcher.get("/v1/console/cell", params={**CELL, wrong: "nowhere"})

    assert "nowhere" in answer.json()["detail"]
    assert answer.status_code in {404, 422}


def test_a_breaker_that_is_held_stays_so_and_is_written_down(watcher: Caller) -> None:
    breaker = "/v1/providers/scraper_demo/breaker"
    held = watcher.post(breaker, {"state": "open", "hold": True, "why": "wrong phones"}).json()
    released = watcher.post(breaker, {"state": None}).json()
    closed = watcher.post(breaker, {"state": "closed"}).json()

    assert (held["state"], held["held"], released["held"]) == ("open", True, False)
    assert (closed["state"], closed["held"]) == ("closed", False)
    acts = watcher.get("/v1/console/acts?limit=3").json()["items"]
    assert [act["act"] for act in acts] == ["breaker.forced", "breaker.released", "breaker.forced"]
    assert {act["actor"] for act in acts} == {"watcher1"}
    assert (acts[2]["provider"], acts[2]["state"]) == ("scraper_demo", "open")
    assert [act.get("why") for act in acts] == [None, None, "wrong phones"]


def test_a_tenant_sets_the_breaker_of_its_own_key_and_no_other(
    keeper: Caller, watcher: Caller, stranger: Caller
) -> None:
    breaker = "/v1/providers/apollo/breaker"
    held = keeper.post(breaker, {"state": "open", "hold": True}).json()
    mine, others = keeper.get(breaker).json(), stranger.get(breaker).json()
    released = watcher.post(breaker, {"state": None, "of": "tenant"}).json()

    assert (held["state"], held["held"], held["of"]) == ("open", True, "tenant")
    assert (mine["state"], mine["own"]) == ("closed", {"state": "open", "held": True})
    assert (others["state"], others["held"], others["own"]) == ("closed", False, None)
    assert (released["held"], released["of"]) == (False, "tenant")
    newest, older = watcher.get("/v1/console/acts?limit=2").json()["items"]
    assert (newest["act"], newest["actor"]) == ("breaker.released", "watcher1")
    assert (older["act"], older["actor"], older["of"]) == ("breaker.forced", "keeper01", "tenant")


@pytest.mark.parametrize(
    ("name", "wish", "says"),
    [
        pytest.param("apollo", {"of": "all"}, "lacks the scope 'operate_all'", id="everybody's"),
        pytest.param("scraper_demo", {}, "no key of its own", id="a provider without keys"),
    ],
)
def test_a_tenant_sets_no_breaker_that_others_share(
    keeper: Caller, name: str, wish: dict[str, str], says: str
) -> None:
    path = f"/v1/providers/{name}/breaker"

    assert says in check(keeper.post(path, {"state": "open", **wish}), 403)["detail"]
    assert keeper.get(path).json()["state"] == "closed"


def test_breakers_that_are_off_cannot_be_set(acme: Caller) -> None:
    problem = check(acme.post("/v1/providers/apollo_demo/breaker", {"state": "open"}), 422)

    assert "ENRICH_BREAKER__ENABLED" in problem["detail"]


def test_a_run_that_is_cancelled_is_written_down_once(watcher: Caller, world: World) -> None:
    # Told to no worker: one that is there would end it before it is cancelled.
    new = NewRun(
        tenant=TENANT, table=world.make_table(1, tenant=TENANT), wanted=("website",),
        selection=Selection(), options=RunOptions(), batch_rows=1,
    )  # fmt: skip
    begun, _ = world.runs.create(new, in_flight=1, lease_s=600)
    run = begun.id

    for _ in range(2):
        watcher("POST", f"/v1/runs/{run}/cancel")

    acts = watcher.get("/v1/console/acts").json()["items"]
    assert [act["run"] for act in acts if act["act"] == "run.cancelled"] == [run]


def test_acts_come_by_the_page_and_to_their_tenant(world: World) -> None:
    audit = PostgresErasure(world.engine)
    for number in range(3):
        audit.note("paged", "somebody", "tried", {"number": number})

    newest = audit.noted("paged", limit=2)
    older = audit.noted("paged", before=newest[-1].id)

    assert [one.details["number"] for one in (*newest, *older)] == [2, 1, 0]
    assert audit.noted("nobody") == ()


def test_what_was_spent_today_is_told_by_provider(world: World) -> None:
    table = world.make_table(1, tenant="payers")
    new = NewRun(
        tenant="payers",
        table=table,
        wanted=("website",),
        selection=Selection(),
        options=RunOptions(),
        batch_rows=1,
    )
    run, _ = world.runs.create(new, in_flight=1, lease_s=60)
    pay = text("""
        INSERT INTO paid_calls (tenant_id, run_id, row_id, provider, provider_version, input_key,
                                price_microcredits, cost_microcredits, reserved_at)
        SELECT 'payers', :run, 1, who, '1', who || cost, 5, cost, now() - days * interval '1 day'
        FROM (VALUES ('a', 5, 0), ('a', 7, 0), ('b', 0, 0), ('c', 9, 2)) AS paid (who, cost, days)
    """)
    with world.engine.begin() as connection:
        connection.execute(pay, {"run": run.id})

    assert PostgresBoard(world.engine).spent_on("payers") == {"a": 12}


def test_a_watcher_does_not_keep_the_interface_from_ending(
    worker_environment: Mapping[str, str], access_keys: PostgresAccessKeys, tmp_path: Path
) -> None:
    key = make_key(access_keys, "lastseen", tenant=TENANT)
    headers = {**bearer(key), "X-Tenant-ID": TENANT}
    with serving(worker_environment, tmp_path / "api.log") as url:
        answer = requests.get(f"{url}/v1/console/events", headers=headers, stream=True, timeout=100)
        first = next(answer.iter_content(16))

    assert first
    assert "Cancel" not in (tmp_path / "api.log").read_text()
    answer.close()
