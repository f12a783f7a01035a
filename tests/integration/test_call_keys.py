"""The key of a paid call: sent where a provider takes it, and asked by where it can be asked."""

from collections.abc import Iterator

import pytest

from enrich.domain.outcome import Found, OutcomeKind
from enrich.domain.provider import Answer, Query
from enrich.errors import BadFileError
from enrich.ports import KnowsCalls
from enrich.ports.outside import Deadline
from providers.base import SystemClock
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.spec import load_text
from tests.faults.rude_server import Rude, http, rude_server
from tests.specs import text_of_spec

HEADER = '[idempotency]\nheader = "Idempotency-Key"'
LOOKUP = '[idempotency]\nlookup = { path = "/calls/{$call}" }'
BULK = """
[bulk]
size = 10
method = "POST"
path = "/many"
item = "{domain}"
answers = "@"
match = "position"
"""
ACME = http('{"name": "Acme"}')


@pytest.fixture
def rude() -> Iterator[Rude]:
    with rude_server() as server:
        yield server


@pytest.fixture
def client() -> Iterator[HttpClient]:
    own = HttpClient()
    yield own
    own.close()


def provider_at(rude: Rude, client: HttpClient, more: str) -> HttpProvider:
    spec = load_text(text_of_spec(base_url=rude.url, more=more))
    return HttpProvider(spec, client=client, credentials=StoredCredentials({}))


def queries(*keys: str) -> list[Query]:
    return [
        Query(row=row, inputs={"domain": f"{row}.com"}, call_key=key)
        for row, key in enumerate(keys)
    ]


def soon() -> Deadline:
    return Deadline(SystemClock().monotonic_s() + 60)


def keys_sent(rude: Rude) -> list[str]:
    lines = [request.split("\r\n") for request in rude.requests]
    return [
        next((line.partition(": ")[2] for line in each if line.startswith("Idempotency-Key: ")), "")
        for each in lines
    ]


@pytest.mark.parametrize(
    ("more", "key", "sent"),
    [(HEADER, "k-1", "k-1"), (HEADER, "", ""), ("", "k-1", "")],
    ids=["taken", "nothing paid", "not taken"],
)
def test_a_calls_key_is_sent_where_the_file_says(
    rude: Rude, client: HttpClient, more: str, key: str, sent: str
) -> None:
    rude.says(ACME)

    provider_at(rude, client, more).ask(queries(key), soon())

    assert keys_sent(rude) == [sent]


def test_rows_of_one_call_share_a_key_that_only_they_make(rude: Rude, client: HttpClient) -> None:
    rude.says(http('[{"name": "A"}, {"name": "B"}]'), http("[]"), http("[]"))
    provider = provider_at(rude, client, BULK + HEADER)

    provider.ask(queries("k1", "k2"), soon())
    provider.ask(list(reversed(queries("k1", "k2"))), soon())
    provider.ask(queries("k1", "k3"), soon())

    first, same, other = keys_sent(rude)
    assert first == same != other


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (ACME, OutcomeKind.FOUND),
        (http("{}"), OutcomeKind.NOT_FOUND),
        (http("{}", status="404 Not Found"), None),
        (http("{}", status="503 Down"), OutcomeKind.UNAVAILABLE),
        (http("{}", status="429 Slow"), OutcomeKind.UNAVAILABLE),
    ],
    ids=["found", "not found", "never made", "down", "limited"],
)
def test_a_provider_is_asked_what_came_of_a_call(
    rude: Rude, client: HttpClient, reply: bytes, kind: OutcomeKind | None
) -> None:
    rude.says(reply, reply)
    provider = provider_at(rude, client, LOOKUP)
    assert isinstance(provider, KnowsCalls)

    (told,) = provider.look_up(queries("k-1"), soon())

    assert rude.requests[0].startswith("GET /calls/k-1 ")
    assert (told.outcome.kind if told else None) is kind


def test_what_a_call_gave_is_read_like_any_answer(rude: Rude, client: HttpClient) -> None:
    rude.says(ACME)

    (told,) = provider_at(rude, client, LOOKUP).look_up(queries("k-1"), soon())

    assert isinstance(told, Answer)
    assert isinstance(told.outcome, Found)


def test_a_file_tells_the_engine_what_its_provider_takes(rude: Rude, client: HttpClient) -> None:
    both = f"{HEADER}\n{LOOKUP.partition(chr(10))[2]}"

    specs = [provider_at(rude, client, more).spec for more in ("", HEADER, LOOKUP, both)]

    assert [(one.takes_key, one.can_look_up) for one in specs] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]


def test_a_part_that_says_nothing_is_refused() -> None:
    with pytest.raises(BadFileError, match="needs a header or a lookup"):
        load_text(text_of_spec(more="[idempotency]"))
