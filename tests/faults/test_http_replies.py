"""Providers over real HTTP: whatever comes back becomes an outcome, within limits (R01 to R19)."""

import gzip
import json
import logging
import socket
import tracemalloc
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

from enrich.domain.outcome import (
    InvalidInput,
    Malformed,
    NotFound,
    Outcome,
    OutcomeKind,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from enrich.domain.provider import Answer, Query
from enrich.ports.outside import Deadline
from providers.base import SystemClock
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.spec import load_text
from tests.faults.rude_server import Rude, http, rude_server
from tests.ports import reserved_port
from tests.specs import text_of_spec, values_in

KEY = "canary-key-0123456789"
SHORT = "[timeouts]\nread_s = 0.4\ntotal_s = 0.6\n"
PATIENT = "[timeouts]\nconnect_s = 60.0\nread_s = 60.0\ntotal_s = 60.0\n"
AUTH = '[auth]\nkind = "header"\nname = "X-Api-Key"\n'
ACME = '{"name": "Acme"}'
FOUND = {"company_name": "Acme"}


@pytest.fixture
def rude() -> Iterator[Rude]:
    """A server that says what it is told to say."""
    with rude_server() as server:
        yield server


@pytest.fixture
def client() -> Iterator[HttpClient]:
    """A client of the test's own."""
    own = HttpClient()
    yield own
    own.close()


def provider_at(
    rude: Rude,
    client: HttpClient,
    *,
    keys: Mapping[str, str] | None = None,
    times: str = PATIENT,
    more: str = "",
    **parts: str,
) -> HttpProvider:
    spec = load_text(text_of_spec(base_url=rude.url, more=f"{more}\n{times}", **parts))
    return HttpProvider(spec, client=client, credentials=StoredCredentials(keys or {}))


def soon(seconds: float = 60.0) -> Deadline:
    return Deadline(SystemClock().monotonic_s() + seconds)


def ask(provider: HttpProvider, *domains: str, token: str = "") -> list[Answer]:
    named = domains or ("example.com",)
    queries = [
        Query(row=row, inputs={"domain": domain}, token=token) for row, domain in enumerate(named)
    ]
    return list(provider.ask(queries, soon()))


def told(provider: HttpProvider) -> Outcome:
    (answer,) = ask(provider)
    return answer.outcome


def connected(rude: Rude, client: HttpClient) -> HttpClient:
    """Have an idle connection to the server: to be late in connecting is told in other words."""
    rude.says(http(ACME))
    told(provider_at(rude, client))
    return client


def test_an_answer_becomes_values(rude: Rude, client: HttpClient) -> None:
    rude.says(http(ACME))

    assert values_in(told(provider_at(rude, client))) == FOUND
    assert rude.requests[0].startswith("GET /c/example.com HTTP/1.1\r\n")
    assert "Accept-Encoding: gzip, deflate\r\n" in rude.requests[0]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(ACME.encode())),
        ("deflate", zlib.compress(ACME.encode())),
        ("deflate", zlib.compress(ACME.encode(), wbits=-15)),
    ],
    ids=["gzip", "deflate", "bare deflate"],
)
def test_an_answer_may_come_compressed(
    rude: Rude, client: HttpClient, encoding: str, body: bytes
) -> None:
    rude.says(http(body, f"Content-Encoding: {encoding}"))

    assert values_in(told(provider_at(rude, client))) == FOUND


_BOMB = gzip.compress(b" " * 50_000_000)
_LARGE = json.dumps({"name": "x" * 10_000_000}).encode()
_TWICE = gzip.compress(gzip.compress(ACME.encode()))
_CHUNKED = "Transfer-Encoding: chunked"
_REPLIES: dict[str, tuple[bytes, Outcome]] = {
    "R01 a page": (
        http("<html>Sorry</html>", "Content-Type: text/html"),
        Malformed("the answer is not JSON"),
    ),
    "R03 nothing": (http(""), NotFound()),
    "R03 null": (http("null"), NotFound()),
    "R04 cut": (
        http(ACME, "Connection: close", length=500),
        Unavailable("the body broke off"),
    ),
    "R04 bad chunk": (
        http(b"zz\r\n" + ACME.encode(), _CHUNKED, "Connection: close"),
        Unavailable("the body broke off"),
    ),
    "R04 cut chunk": (
        http(b"fff\r\n" + ACME.encode(), _CHUNKED, "Connection: close"),
        Unavailable("the body broke off"),
    ),
    "R04 no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", Malformed("the reply is no HTTP")),
    "R05 a bomb": (http(_BOMB, "Content-Encoding: gzip"), Malformed("the body inflates too far")),
    "R06 brotli": (
        http(ACME, "Content-Encoding: br"),
        Malformed("an encoding that was not offered"),
    ),
    "R06 gzip in gzip": (
        http(_TWICE, "Content-Encoding: gzip, gzip"),
        Malformed("an encoding that was not offered"),
    ),
    "R06 gzip said once, done twice": (
        http(_TWICE, "Content-Encoding: gzip"),
        Malformed("the answer is not JSON"),
    ),
    "R06 no gzip": (
        http(ACME, "Content-Encoding: gzip"),
        Malformed("the body cannot be decoded"),
    ),
    "R06 half a gzip": (
        http(gzip.compress(ACME.encode())[:-9], "Content-Encoding: gzip"),
        Malformed("the body cannot be decoded"),
    ),
    "R06 something behind a gzip": (
        http(gzip.compress(ACME.encode()) + b"more", "Content-Encoding: gzip"),
        Malformed("the body cannot be decoded"),
    ),
    "R07 ten megabytes": (http(_LARGE), Malformed("the body is too large")),
    "R07 deep": (http("[" * 1000 + "]" * 1000), Malformed("the answer is too deep")),
    "R07 none": (http('{"name": NaN}'), Malformed("the answer is a number that is none")),
    "R15 metadata": (
        http("", "Location: http://169.254.169.254/", status="302 Found"),
        Malformed("status 302"),
    ),
    "R15 file": (
        http("", "Location: file:///etc/passwd", status="301 Moved"),
        Malformed("status 301"),
    ),
    "R15 itself": (http("", "Location: /c/x", status="307 Again"), Malformed("status 307")),
    "R17 long headers": (
        http(ACME, *(f"X-{n}: {'x' * 8000}" for n in range(20))),
        Malformed("the headers are too large"),
    ),
    "R17 one long header": (
        http(ACME, f"X-Long: {'x' * 70_000}"),
        Malformed("the headers are too large"),
    ),
    "R17 many headers": (
        http(ACME, *(f"X-{n}: 1" for n in range(10_000))),
        Malformed("the reply is no HTTP"),
    ),
    "R18 continue for ever": (
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
        Malformed("the headers are too large"),
    ),
    "R18 102": (b"HTTP/1.1 102 Processing\r\n\r\n", Malformed("status 102")),
    "R18 304": (b"HTTP/1.1 304 Not Modified\r\n\r\n", Malformed("status 304")),
    "R18 418": (http("", status="418 Teapot"), Malformed("status 418")),
    "R18 599": (http("", status="599 Odd"), Unavailable("status 599")),
    "R18 999": (http("", status="999 Denied"), Malformed("status 999")),
    "R18 no number": (b"HTTP/1.1 abc Odd\r\n\r\n", Malformed("the reply is no HTTP")),
}


@pytest.mark.parametrize(("raw", "outcome"), _REPLIES.values(), ids=_REPLIES.keys())
def test_whatever_comes_back_becomes_an_outcome(
    rude: Rude, client: HttpClient, raw: bytes, outcome: Outcome
) -> None:
    rude.says(raw, http(ACME))
    provider = provider_at(rude, client, more="[retry]\nattempts = 0")

    assert told(provider) == outcome
    # What was left of it on the wire is not taken for the next answer.
    assert values_in(told(provider)) == FOUND
    assert len(rude.requests) == 2


def test_r02_an_error_under_status_200_is_read_by_the_files_rule(
    rude: Rude, client: HttpClient
) -> None:
    rude.says(http('{"error": "rate limit"}', "Retry-After: 3600"))
    rule = '[[outcomes]]\nwhen = "error"\noutcome = "rate_limited"'

    outcome = told(provider_at(rude, client, more=rule))

    assert isinstance(outcome, RateLimited)
    assert (outcome.retry_at - datetime.now(UTC)).total_seconds() > 3000


def test_r05_a_bomb_takes_no_more_memory_than_the_limit(rude: Rude, client: HttpClient) -> None:
    rude.says(http(ACME), http(_BOMB, "Content-Encoding: gzip"))
    provider = provider_at(rude, client)
    told(provider)

    tracemalloc.start()
    try:
        outcome = told(provider)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert outcome.kind is OutcomeKind.MALFORMED
    assert peak_bytes < 10_000_000


def test_r08_to_r12_values_are_brought_to_their_types(rude: Rude, client: HttpClient) -> None:
    body = {"name": "A\u202ec\u0000me\u200b", "size": "10,000+", "town": "N/A", "sure": 2}
    rude.says(http(json.dumps(body)))
    fields = """
company_name = { path = "name", prior = 0.9 }
employees = { path = "size", type = "integer", prior = 0.9 }
city = { path = "town", prior = 0.9 }
"""

    (answer,) = ask(
        provider_at(rude, client, fields=fields, response='confidence = { path = "sure" }')
    )

    assert values_in(answer.outcome) == {"company_name": "Acme", "employees": 10000}


def test_r13_another_companys_record_is_a_mismatch(rude: Rude, client: HttpClient) -> None:
    rude.says(http('{"name": "Other", "host": "other.example"}'))
    echo = 'echo = [{ input = "domain", path = "host", type = "domain" }]'

    assert told(provider_at(rude, client, response=echo)) == Malformed("mismatch")


def test_a_connection_is_used_again(rude: Rude, client: HttpClient) -> None:
    rude.says(http(ACME))
    provider = provider_at(rude, client)

    told(provider)
    told(provider)

    assert (len(rude.requests), rude.connections) == (2, 1)


def test_r17_a_cookie_is_never_sent_back(rude: Rude, client: HttpClient) -> None:
    rude.says(http(ACME, "Set-Cookie: session=1; Path=/"))
    provider = provider_at(rude, client)

    told(provider)
    told(provider)

    assert "cookie" not in rude.requests[1].lower()


@pytest.mark.parametrize(
    "auth",
    [
        AUTH,
        '[auth]\nkind = "bearer"',
        '[auth]\nkind = "query"\nname = "api_key"',
        '[auth]\nkind = "basic"',
    ],
    ids=["header", "bearer", "query", "basic"],
)
def test_r19_a_key_that_is_repeated_to_us_is_shown_nowhere(
    rude: Rude, client: HttpClient, auth: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rude.says(http(f'{{"error": "the key {KEY} is wrong"}}', f"X-Key: {KEY}", status="401 No"))
    provider = provider_at(rude, client, more=auth, keys={"acme": KEY})

    answers = ask(provider)

    assert answers[0].outcome == Unauthorized("status 401")
    shown = f"{answers!r} {provider.http!r} {caplog.text} {[r.args for r in caplog.records]}"
    assert KEY not in shown
    assert len(rude.requests) == 1


@pytest.mark.parametrize(
    ("start", "drop"),
    [(b"", b"H"), (b"HTTP/1.1 200 OK\r\n", b"X"), (http("{", length=100), b" ")],
    ids=["status line", "headers", "body"],
)
def test_f49_an_answer_that_drips_ends_with_the_total_time(
    rude: Rude, client: HttpClient, start: bytes, drop: bytes
) -> None:
    hasty = provider_at(rude, connected(rude, client), times=SHORT)
    rude.drips(start, drop)

    assert told(hasty) == Unavailable("timed out")


def test_f48_an_answer_that_never_comes_ends_with_the_read_time(
    rude: Rude, client: HttpClient
) -> None:
    def script(_: socket.socket) -> None:
        rude.stopped.wait()

    hasty = provider_at(rude, connected(rude, client), times=SHORT)
    rude.says(script)

    assert told(hasty) == Unavailable("timed out")


def test_the_engines_deadline_is_the_earlier_end(rude: Rude, client: HttpClient) -> None:
    provider = provider_at(rude, connected(rude, client))
    rude.drips(http("{", length=100), b" ")

    (answer,) = provider.ask([Query(row=1, inputs={"domain": "example.com"})], soon(0.3))

    assert answer.outcome == Unavailable("timed out")


def test_a_server_that_is_not_there_was_not_asked(client: HttpClient) -> None:
    with reserved_port() as port:
        nowhere = Rude(f"http://127.0.0.1:{port}")

        assert told(provider_at(nowhere, client)) == Unavailable("no connection")


def test_a_failed_answer_is_asked_for_again_where_the_file_says_so(
    rude: Rude, client: HttpClient
) -> None:
    rude.says(http("", status="503 Busy"), http(ACME))
    again = '[retry]\nattempts = 2\non = "unavailable"\npause_s = 0.0'

    assert values_in(told(provider_at(rude, client, more=again))) == FOUND
    assert len(rude.requests) == 2


def test_a_failed_answer_is_not_asked_for_again_by_default(rude: Rude, client: HttpClient) -> None:
    rude.says(http("", status="503 Busy"), http(ACME))

    assert told(provider_at(rude, client)) == Unavailable("status 503")
    assert len(rude.requests) == 1


def test_what_cannot_be_sent_is_answered_without_a_call(rude: Rude, client: HttpClient) -> None:
    (answer,) = ask(provider_at(rude, client), "..")

    assert answer.outcome == InvalidInput("domain cannot stand in a path")
    assert answer.cost_microcredits == 0
    assert rude.requests == []
