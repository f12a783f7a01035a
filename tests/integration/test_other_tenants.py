"""Every address of the interface: who may use it, and what it tells of another tenant's things.

The table below is compared with the OpenAPI: an address that is not in it fails.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from enrich.domain.access import Scope
from enrich.store.access_keys import PostgresAccessKeys
from tests.integration.api_process import Caller, make_key
from tests.integration.worker_fixtures import World

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]

READ, ENRICH, OPERATE = Scope.READ, Scope.ENRICH, Scope.OPERATE
TABLE, ROW = {"table_id": "{table}"}, {"table_id": "{table}", "row_id": "{row}"}
CELL = {**ROW, "column_key": "{column}"}


@dataclass(frozen=True, slots=True)
class Named:
    """An address that names something of a tenant's: in its path, its query or its body."""

    scope: Scope
    path: str = ""
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None


#: What names something: of another tenant it is as if it were not there.
NAMING = {
    "POST /v1/enrich/cell": Named(ENRICH, body=CELL),
    "POST /v1/enrich/row": Named(ENRICH, body=ROW),
    "POST /v1/enrich/rows": Named(ENRICH, body={**TABLE, "row_ids": ["{row}"]}),
    "POST /v1/runs": Named(ENRICH, body=TABLE),
    "POST /v1/search": Named(READ, body={**TABLE, "text": "anybody"}),
    "GET /v1/enrich/status/{jobId}": Named(READ, "/v1/enrich/status/{job}"),
    "GET /v1/tables/{table_id}/rows": Named(READ, "/v1/tables/{table}/rows"),
    "DELETE /v1/tables/{table_id}/rows/{row_id}": Named(OPERATE, "/v1/tables/{table}/rows/{row}"),
    "GET /v1/tables/{table_id}/rows/{row_id}/cells/{column_key}": Named(
        READ, "/v1/tables/{table}/rows/{row}/cells/{column}"
    ),
    "POST /v1/tables/{table_id}/rows/{row_id}/cells/{column_key}/labels": Named(
        ENRICH, "/v1/tables/{table}/rows/{row}/cells/{column}/labels", body={"value": "x"}
    ),
    "GET /v1/runs/{run_id}": Named(READ, "/v1/runs/{run}"),
    "GET /v1/runs/{run_id}/report": Named(READ, "/v1/runs/{run}/report"),
    "GET /v1/runs/{run_id}/events": Named(READ, "/v1/runs/{run}/events"),
    "POST /v1/runs/{run_id}/cancel": Named(ENRICH, "/v1/runs/{run}/cancel"),
    "POST /v1/runs/{run_id}/retry": Named(ENRICH, "/v1/runs/{run}/retry"),
    "DELETE /v1/webhooks/{webhook_id}": Named(OPERATE, "/v1/webhooks/{webhook}"),
    "GET /v1/webhooks/{webhook_id}/deliveries": Named(READ, "/v1/webhooks/{webhook}/deliveries"),
    "POST /v1/webhooks/deliveries/{delivery_id}/replay": Named(
        OPERATE, "/v1/webhooks/deliveries/{delivery}/replay"
    ),
    "GET /v1/console/rows": Named(READ, query=TABLE),
    "GET /v1/console/cell": Named(READ, query=CELL),
    "POST /v1/console/labels": Named(ENRICH, body={**CELL, "value": "x"}),
}
#: What lists or counts: nothing of another tenant is in it.
LISTING = {
    "GET /v1/tables": Named(READ),
    "GET /v1/runs": Named(READ),
    "GET /v1/webhooks": Named(READ),
    "GET /v1/console/acts": Named(OPERATE),
    "POST /v1/purge": Named(OPERATE, body={"column_key": "company", "value": "{company}"}),
}
#: What is the same for every tenant, or is a tenant's own new thing.
COMMON = {
    "POST /v1/enrich/profile": Named(ENRICH, body={}),
    "POST /v1/webhooks": Named(OPERATE, body={}),
    "GET /v1/providers": Named(READ),
    "GET /v1/providers/{name}/breaker": Named(READ, "/v1/providers/none/breaker"),
    "POST /v1/providers/{name}/breaker": Named(OPERATE, "/v1/providers/none/breaker", body={}),
    "GET /v1/metrics": Named(READ),
    "GET /health/details": Named(READ),
    "GET /v1/console/events": Named(READ),
}
#: What asks for no key, or for none with a scope.
OPEN = {
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /v1/console/session",
    "POST /v1/callbacks/{signed}",
}
SCOPED = {**NAMING, **LISTING, **COMMON}

Things = Mapping[str, str]


@pytest.fixture(scope="session")
def theirs(acme: Caller, world: World) -> Things:
    """Things of the tenant acme, one of each kind."""
    table = world.make_table(1, tenant="acme")
    run = acme.post("/v1/runs", {"table_id": table, "columns": ["website"]}).json()["run_id"]
    profile = {"candidateId": f"c-{secrets.token_hex(4)}", "payload": {"fullName": "Ada"}}
    webhook = acme.post("/v1/webhooks", {"url": "http://127.0.0.1:9/"}).json()["id"]
    told = "INSERT INTO deliveries (webhook_id, event, body) VALUES (%s, 'e', '{}') RETURNING id"
    with world.engine.begin() as connection:
        delivery = connection.exec_driver_sql(told, (webhook,)).scalar_one()
    (row,) = acme.get(f"/v1/tables/{table}/rows").json()["items"]
    return {
        "table": table,
        "row": "row_0001",
        "column": "website",
        "company": row["data"]["company"],
        "run": str(run),
        "job": acme.post("/v1/enrich/profile", profile).json()["job"]["jobId"],
        "webhook": webhook,
        "delivery": str(delivery),
    }


@pytest.fixture
def absent(theirs: Things) -> Things:
    """Names of the same kinds that nobody has given."""
    nobody = dict.fromkeys(theirs, "none_such")
    unused = "00000000-0000-4000-8000-000000000000"
    return {**nobody, "run": "999999999999", "job": unused, "webhook": unused, "delivery": "99999"}


@pytest.fixture(scope="session")
def stranger(api: str, access_keys: PostgresAccessKeys) -> Caller:
    """Somebody who may do all for another tenant."""
    return holder_of(api, access_keys, frozenset(Scope), tenant="stranger")


def holder_of(
    api: str, keys: PostgresAccessKeys, scopes: frozenset[Scope], *, tenant: str = "scoped"
) -> Caller:
    key = make_key(keys, secrets.token_hex(4), tenant=tenant, scopes=scopes)
    return Caller(api, {"Authorization": f"Bearer {key}", "X-Tenant-ID": tenant})


def sent(caller: Caller, address: str, named: Named, things: Things) -> requests.Response:
    """Ask an address about some things."""
    method, _, path = address.partition(" ")
    return caller(
        method,
        _filled(named.path or path, things),
        params=_filled(named.query, things),
        json=_filled(named.body, things),
        stream=True,
    )


def _filled(wish: Any, things: Things) -> Any:
    written = json.dumps(wish)
    for name, value in things.items():
        written = written.replace(f"{{{name}}}", value)
    return json.loads(written)


def _without(body: str, things: Things) -> str:
    for value in sorted(things.values(), key=len, reverse=True):
        # Whole words: a small number may also be part of the answer's status.
        body = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", body)
    return body


def test_the_table_names_every_address_of_the_openapi(api: str) -> None:
    paths = requests.get(f"{api}/openapi.json", timeout=30).json()["paths"]

    told = {f"{method.upper()} {path}" for path, how in paths.items() for method in how}

    assert told == SCOPED.keys() | OPEN


@pytest.mark.parametrize("address", NAMING)
def test_i11_a_foreign_thing_is_answered_as_an_absent_one(
    stranger: Caller, theirs: Things, absent: Things, address: str
) -> None:
    foreign = sent(stranger, address, NAMING[address], theirs)
    nobodys = sent(stranger, address, NAMING[address], absent)

    assert (foreign.status_code, nobodys.status_code) == (404, 404), foreign.text
    assert _without(foreign.text, theirs) == _without(nobodys.text, absent)
    assert dict(foreign.headers).keys() == dict(nobodys.headers).keys()


@pytest.mark.parametrize("address", [each for each in NAMING if not each.startswith("DELETE")])
def test_its_owner_is_not_told_that_it_is_absent(
    acme: Caller, theirs: Things, address: str
) -> None:
    # Otherwise the test before this one would pass for a name that is written wrong.
    answer = sent(acme, address, NAMING[address], theirs)
    answer.close()

    assert answer.status_code < 300


@pytest.mark.parametrize("address", LISTING)
def test_nothing_of_another_tenant_is_listed_or_counted(
    stranger: Caller, theirs: Things, address: str
) -> None:
    answer = sent(stranger, address, LISTING[address], theirs)

    assert answer.status_code == 200, answer.text
    assert answer.json() in ({"items": []}, {"items": [], "next": None}, _NOTHING_ERASED)


_NOTHING_ERASED = {"rows": 0, "answers": 0, "jobs": 0, "requests": 0}


@pytest.mark.parametrize("address", SCOPED)
def test_an_address_asks_for_a_key(api: str, absent: Things, address: str) -> None:
    answer = sent(Caller(api, {"X-Tenant-ID": "acme"}), address, SCOPED[address], absent)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("address", SCOPED)
def test_i36_an_address_asks_for_its_scope_and_no_other(
    api: str, access_keys: PostgresAccessKeys, absent: Things, address: str
) -> None:
    named = SCOPED[address]
    others = holder_of(api, access_keys, frozenset(Scope) - {named.scope})
    enough = holder_of(api, access_keys, frozenset({named.scope}))

    refused = sent(others, address, named, absent)
    let_in = sent(enough, address, named, absent)
    let_in.close()

    assert refused.status_code == 403
    assert repr(named.scope.value) in refused.json()["detail"]
    assert let_in.status_code not in {401, 403, 500}


@pytest.mark.parametrize("address", SCOPED)
def test_i08_the_tenant_of_the_header_must_be_that_of_the_key(
    stranger: Caller, theirs: Things, address: str
) -> None:
    impostor = Caller(stranger.url, {**stranger.headers, "X-Tenant-ID": "acme"})

    assert sent(impostor, address, SCOPED[address], theirs).status_code == 403
