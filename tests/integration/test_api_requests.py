"""What requests may hold, and how a wrong one is told: cases I11 to I38."""

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from enrich.store.access_keys import PostgresAccessKeys
from tests.integration.api_fixtures import LARGEST_BODY, bearer, check
from tests.integration.api_process import Caller, make_key, serving
from tests.integration.worker_fixtures import World

pytestmark = pytest.mark.servers

_JSON = {"Content-Type": "application/json"}
_RUN = b'{"table_id": "nowhere"}'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 422, id="I13 empty"),
        pytest.param(b"null", 422, id="I13 null"),
        pytest.param(b"[]", 422, id="I13 a list"),
        pytest.param(b'"x"', 422, id="I13 a text"),
        pytest.param(b"1", 422, id="I13 a number"),
        pytest.param(b'{"table_id": "x"', 400, id="I14 cut off"),
        pytest.param(b'{"table_id": "x",}', 400, id="I14 a trailing comma"),
        pytest.param(b"\xef\xbb\xbf" + _RUN, 400, id="I14 a byte order mark"),
        pytest.param(_RUN + _RUN, 400, id="I14 two documents"),
        pytest.param(_RUN.decode().encode("utf-16"), 400, id="I14 UTF-16"),
        pytest.param(b'{"table_id": "\xff"}', 400, id="I15 no UTF-8"),
        pytest.param(b'{"table_id": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400, id="I16 1,000 deep"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, 400, id="I16 100,000 deep"),
        pytest.param(b'{"table_id": "x", "max_cost": NaN}', 400, id="I17 NaN"),
        pytest.param(b'{"table_id": "x", "max_cost": Infinity}', 400, id="I17 Infinity"),
        pytest.param(b'{"table_id": "x", "max_cost": 1e400}', 400, id="I17 1e400"),
        pytest.param(b'{"table_id": "x", "max_cost": ' + b"9" * 5000 + b"}", 400, id="I18"),
        pytest.param(b'{"table_id": "a", "table_id": "b"}', 400, id="I19 a key twice"),
        pytest.param(b'{"table_id": "a\\u0000"}', 422, id="I20 NUL"),
        pytest.param(b'{"table_id": "\\ud800"}', 422, id="I21 a lone surrogate"),
        pytest.param(b'{"table_id": "x", "tenant": "other"}', 422, id="I22 an unknown field"),
        pytest.param(b'{"table_id": "x", "force": 1}', 422, id="I23 a number for a flag"),
        pytest.param(b'{"table_id": "x", "force": "false"}', 422, id="I23 a text for a flag"),
        pytest.param(b'{"table_id": {}}', 422, id="I23 an object for a text"),
        pytest.param(b'{"table_id": "x", "where": {"states": []}}', 422, id="I22 deeper"),
        pytest.param(_RUN, 404, id="no such table"),
        pytest.param(b'{"table_id": "' + b"x" * LARGEST_BODY + b'"}', 413, id="I27 too large"),
    ],
)
def test_a_body_is_read_strictly(acme: Caller, body: bytes, status: int) -> None:
    check(acme("POST", "/v1/runs", data=body, headers=_JSON), status)


def test_an_unknown_key_is_told_with_the_nearest(acme: Caller) -> None:
    problem = check(acme.post("/v1/runs", {"table_id": "t", "where": {"stat": []}}), 422)

    sentence = "there is no key 'stat'; did you mean 'state'?"
    assert problem["errors"] == [{"pointer": "/body/where/stat", "detail": sentence}]


@pytest.mark.parametrize("headers", [{}, bearer("enr_none")], ids=["no key", "an unknown key"])
def test_who_has_no_key_is_told_what_makes_one(api: str, headers: dict[str, str]) -> None:
    problem = check(Caller(api, {"X-Tenant-ID": "acme", **headers}).get("/v1/runs"), 401)

    assert problem["detail"].endswith("; `enrich keys create --tenant NAME` makes a key")


@pytest.mark.parametrize(
    ("excess", "status"), [pytest.param(0, 404, id="fits"), pytest.param(1, 413, id="one too many")]
)
def test_i27_a_body_without_length_is_counted(acme: Caller, excess: int, status: int) -> None:
    whole = _RUN + b" " * (LARGEST_BODY - len(_RUN) + excess)

    answer = acme("POST", "/v1/runs", data=iter([whole[:5000], whole[5000:]]), headers=_JSON)

    check(answer, status)


def test_i27_a_negative_length_is_400(acme: Caller) -> None:
    assert _raw(acme, "POST", "/v1/runs", Content_Length="-1", **_UNDERLINED) == 400


def test_i27_a_length_that_is_too_short_cuts_the_body(acme: Caller) -> None:
    assert _raw(acme, "POST", "/v1/runs", _RUN, Content_Length="10", **_UNDERLINED) == 400


@pytest.mark.parametrize(
    ("count", "status"),
    [
        pytest.param(0, 422, id="I26 no row"),
        pytest.param(1, 202, id="I26 one row"),
        pytest.param(10_000, 202, id="I26 as many as may be"),
        pytest.param(10_001, 413, id="I26 one too many"),
    ],
)
def test_a_request_names_up_to_ten_thousand_rows(
    acme: Caller, world: World, count: int, status: int
) -> None:
    table = world.make_table(1, tenant="acme")

    wish = {"table_id": table, "row_ids": ["row_0001"] * count, "columns": ["website"]}

    assert acme.post("/v1/enrich/rows", wish).status_code == status


def test_i30_a_body_that_drips_is_cut_and_others_are_served(
    acme: Caller, worker_environment: Mapping[str, str], tmp_path: Path
) -> None:
    def drip() -> Iterator[bytes]:
        yield b"{"
        while True:
            served.append(hasty.get("/v1/runs?limit=1").status_code)
            yield b" "

    served: list[int] = []
    own = {**worker_environment, "ENRICH_API__BODY_SECONDS": "1"}
    with serving(own, tmp_path / "api.log") as url:
        hasty = Caller(url, acme.headers)
        answer = hasty("POST", "/v1/runs", data=drip(), headers={**_JSON, "Connection": "close"})

    check(answer, 408)
    assert set(served) == {200}


_HOST = b"Host: here\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param([b"GET /health/live HTTP/1.1\r\n\r\n"], 400, id="no host"),
        pytest.param([b"GET /health/live HTTP/1.0\r\n\r\n"], 200, id="no host in HTTP 1.0"),
        pytest.param([b"GET /health/live HTTP/1.1\r\n", 2 * _HOST, b"\r\n"], 400, id="two hosts"),
        pytest.param([b"what is this\r\n\r\n"], 405, id="no HTTP and no method"),
        pytest.param([b"GET nonsense more HTTP/1.1\r\n\r\n"], 400, id="no HTTP"),
    ],
)
def test_a_head_that_is_none_is_refused(acme: Caller, sent: list[bytes], status: int) -> None:
    assert _told(acme, sent).startswith(b"HTTP/1.1 %d" % status)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([_HOST, b"X: " + b"x" * 16_384, b"\r\n\r\n"], id="too long"),
        pytest.param([b"X: ", *[b"x" * 16_384] * 40], id="without an end"),
    ],
)
def test_a_head_that_is_too_long_is_cut_off(acme: Caller, sent: list[bytes]) -> None:
    told = _told(acme, [b"GET /health/live HTTP/1.1\r\n", *sent])

    # Whoever goes on sending may not get to read it.
    assert told[:12] in {b"HTTP/1.1 400", b""}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content-Type": "text/plain"}, id="I29 text"),
        pytest.param({"Content-Type": "application/json; charset=latin1"}, id="I29 latin1"),
        pytest.param({"Content-Type": "application/x-www-form-urlencoded"}, id="I29 a form"),
        pytest.param({**_JSON, "Content-Encoding": "gzip"}, id="I28 compressed"),
    ],
)
def test_what_is_not_plain_json_is_415(acme: Caller, headers: dict[str, str]) -> None:
    check(acme("POST", "/v1/runs", data=_RUN, headers=headers), 415)


def test_i29_no_content_type_is_415(acme: Caller) -> None:
    assert _raw(acme, "POST", "/v1/runs", _RUN, Content_Length=str(len(_RUN))) == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("PUT", "/v1/runs", 405, id="PUT"),
        pytest.param("TRACE", "/v1/runs", 405, id="TRACE"),
        pytest.param("BREW", "/v1/runs", 405, id="unknown"),
        pytest.param("GET", "//v1/runs", 404, id="two slashes"),
        pytest.param("GET", "/v1/enrich/../admin", 404, id="dots"),
        pytest.param("GET", "/v1%2Fruns", 404, id="an encoded slash"),
        pytest.param("GET", "/v1/runs/", 404, id="a slash at the end"),
    ],
)
def test_i31_other_methods_and_paths_lead_nowhere(
    acme: Caller, method: str, path: str, status: int
) -> None:
    assert _raw(acme, method, path) == status


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=0",
        "limit=1000000000",
        "limit=x",
        "cursor=forged",
        "cursor=W10.x",
        "cursor=",
    ],
)
def test_i34_a_wrong_page_is_422(acme: Caller, query: str) -> None:
    check(acme.get(f"/v1/runs?{query}"), 422)


@pytest.mark.parametrize("run_id", ["0", "-1", "x", "9" * 30, "%00"])
def test_i12_a_wrong_run_is_422(acme: Caller, run_id: str) -> None:
    check(acme.get(f"/v1/runs/{run_id}"), 422)


@pytest.mark.parametrize(
    ("job", "status"),
    [
        pytest.param("nobody", 404, id="no UUID"),
        pytest.param("%00", 404, id="NUL"),
        pytest.param("x" * 10_000, 422, id="10 kB"),
    ],
)
def test_i12_a_wrong_job_is_not_there(acme: Caller, job: str, status: int) -> None:
    check(acme.get(f"/v1/enrich/status/{job}"), status)


def test_i35_a_wait_beyond_all_measure_is_cut(acme: Caller, world: World) -> None:
    table = world.make_table(1, tenant="acme")
    wish = {"table_id": table, "row_id": "row_0001", "column_key": "company", "wait_s": 1e9}

    assert acme.post("/v1/enrich/cell", wish).json()["state"] == "typed"


@pytest.mark.parametrize("wait", ["-1", '"NaN"', "null", "true"])
def test_i35_a_wrong_wait_is_422(acme: Caller, wait: str) -> None:
    body = f'{{"table_id": "t", "row_id": "r", "column_key": "c", "wait_s": {wait}}}'

    check(acme("POST", "/v1/enrich/cell", data=body, headers=_JSON), 422)


def test_i24_an_unknown_column_is_422(acme: Caller, world: World) -> None:
    table = world.make_table(1, tenant="acme")

    problem = check(acme.post("/v1/runs", {"table_id": table, "columns": ["a,b{}'\";--"]}), 422)

    assert "there is no column" in problem["detail"]


def test_i37_a_breaker_has_three_states(acme: Caller) -> None:
    check(acme.post("/v1/providers/apollo_demo/breaker", {"state": "banana"}), 422)


def test_i25_odd_names_are_plain_text(acme: Caller) -> None:
    problem = check(acme.post("/v1/runs", {"table_id": "__proto__"}), 404)

    assert problem["detail"].startswith("there is no table '__proto__'")


def test_i11_another_tenants_run_reads_like_one_that_is_not(
    api: str, acme: Caller, access_keys: PostgresAccessKeys, world: World
) -> None:
    table = world.make_table(1, tenant="acme")
    begun = acme.post("/v1/runs", {"table_id": table, "where": {"state": ["failed"]}})
    run_id = begun.json()["run_id"]
    key = make_key(access_keys, "otherKey", tenant="other")
    other = Caller(api, {**bearer(key), "X-Tenant-ID": "other"})

    theirs, absent = other.get(f"/v1/runs/{run_id}"), other.get("/v1/runs/999999999")

    assert check(theirs, 404) == {**check(absent, 404), "detail": f"there is no run '{run_id}'"}
    assert begun.status_code == 202


def test_answers_tell_how_the_rate_stands(acme: Caller) -> None:
    told = acme.get("/v1/runs").headers

    assert int(told["RateLimit-Limit"]) > int(told["RateLimit-Remaining"]) > 0


def test_i38_nothing_that_was_sent_is_in_the_log(acme: Caller, api_log: Path) -> None:
    acme.post("/v1/runs", {"table_id": 'canary-in-a-name\r\n{"level":"x"}'})

    written = api_log.read_text()
    assert "Uvicorn running" in written
    assert "canary-in-a-name" not in written
    assert "x" * 43 not in written


def test_the_document_describes_the_routes(acme: Caller) -> None:
    document = acme.get("/openapi.json").json()

    assert {"/v1/runs", "/v1/enrich/cell", "/health", "/v1/metrics"} <= document["paths"].keys()


def test_pages_follow_one_another(acme: Caller, world: World) -> None:
    table = world.make_table(3, tenant="acme")
    first = acme.get(f"/v1/tables/{table}/rows?limit=2").json()

    second = acme.get(f"/v1/tables/{table}/rows?limit=2&cursor={first['next']}").json()

    keys = [[item["row"] for item in page["items"]] for page in (first, second)]
    assert keys == [["row_0001", "row_0002"], ["row_0003"]]
    assert second["next"] is None


def test_a_cursor_is_of_one_list(acme: Caller, world: World) -> None:
    table = world.make_table(3, tenant="acme")
    cursor = acme.get(f"/v1/tables/{table}/rows?limit=2").json()["next"]

    check(acme.get(f"/v1/runs?cursor={cursor}"), 422)


_UNDERLINED = {"Content_Type": "application/json"}


def _told(caller: Caller, sent: list[bytes]) -> bytes:
    """Send what is hardly HTTP, and read until the connection is closed."""
    place, told = urlsplit(caller.url), b""
    with (
        suppress(ConnectionError),
        socket.create_connection((place.hostname, place.port), timeout=60) as connection,
    ):
        for part in sent:
            connection.sendall(part)
        while part := connection.recv(65_536):
            told += part
    return told


def _raw(caller: Caller, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    """Send what a client would not; give the status."""
    place = urlsplit(caller.url)
    with closing(http.client.HTTPConnection(place.netloc, timeout=60)) as connection:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {**caller.headers, **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body or None)
        return connection.getresponse().status
