"""Providers of the catalogue at work over HTTP: keys, many rows at once, work that takes time."""

import json
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

import pytest

from enrich.domain.outcome import (
    NO_CREDENTIAL,
    Gone,
    InvalidInput,
    NotFound,
    Pending,
    Skipped,
    Unauthorized,
    Unavailable,
)
from enrich.domain.provider import Answer, Query
from enrich.errors import SettingsError
from enrich.ports.outside import Deadline
from providers.base import SystemClock
from providers.catalogued import Catalogue
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.spec import CATALOGUE, load, load_text
from tests.faults.rude_server import Rude, http, rude_server
from tests.specs import text_of_spec, values_in

HEADER = '[auth]\nkind = "header"\nname = "X-Api-Key"\n'
FOUND = {"company_name": "Acme"}
ACME = http('{"name": "Acme"}')


@pytest.fixture
def rude() -> Iterator[Rude]:
    """A server that says what it is told to say."""
    with rude_server() as server:
        yield server


@pytest.fixture
def client() -> Iterator[HttpClient]:
    """A client of the test's own."""
    own = HttpClient(contact="data@example.com")
    yield own
    own.close()


def provider_at(
    rude: Rude, client: HttpClient, *, keys: Mapping[str, str] | None = None, **parts: str
) -> HttpProvider:
    spec = load_text(text_of_spec(base_url=rude.url, **parts))
    return HttpProvider(spec, client=client, credentials=StoredCredentials(keys or {}))


def ask(
    provider: HttpProvider, *domains: str, tenant: str = "default", token: str = ""
) -> list[Answer]:
    queries = [
        Query(row=row, inputs={"domain": domain}, tenant=tenant, token=token)
        for row, domain in enumerate(domains)
    ]
    return list(provider.ask(queries, Deadline(SystemClock().monotonic_s() + 60)))


def sent(rude: Rude, name: str) -> list[str]:
    """Give what each request said in a header; empty where it was not there."""
    lines = [request.split("\r\n") for request in rude.requests]
    return [
        next((line.partition(": ")[2] for line in each if line.startswith(f"{name}: ")), "")
        for each in lines
    ]


@pytest.mark.parametrize(
    ("auth", "key", "name", "value"),
    [
        (HEADER, "k1", "X-Api-Key", "k1"),
        (HEADER + 'prefix = "Token "', "k1", "X-Api-Key", "Token k1"),
        ('[auth]\nkind = "bearer"', "k1", "Authorization", "Bearer k1"),
        ('[auth]\nkind = "basic"', "ada:pw", "Authorization", "Basic YWRhOnB3"),
        ('[auth]\nkind = "basic"', "k1", "Authorization", "Basic azE6"),
    ],
    ids=["header", "prefix", "bearer", "basic", "basic user"],
)
def test_a_key_goes_where_the_file_says(
    rude: Rude, client: HttpClient, auth: str, key: str, name: str, value: str
) -> None:
    rude.says(ACME)

    ask(provider_at(rude, client, more=auth, keys={"acme": key}), "a.example")

    assert sent(rude, name) == [value]
    assert sent(rude, "User-Agent") == ["enrich-engine/0.1 (data@example.com)"]


def test_a_key_in_the_query_is_encoded(rude: Rude, client: HttpClient) -> None:
    rude.says(ACME)
    auth = '[auth]\nkind = "query"\nname = "api_key"'

    ask(provider_at(rude, client, more=auth, keys={"acme": "a&b=c"}), "a.example")

    assert rude.requests[0].startswith("GET /c/a.example?api_key=a%26b%3Dc HTTP/1.1")


@pytest.mark.parametrize("status", ["401 No", "402 Pay"])
def test_the_next_key_is_tried_when_one_is_refused_or_used_up(
    rude: Rude, client: HttpClient, status: str
) -> None:
    rude.says(http("", status=status), ACME)
    provider = provider_at(rude, client, more=HEADER, keys={"acme": "k1 k2"})

    first = ask(provider, "a.example")
    second = ask(provider, "b.example")

    assert values_in(first[0].outcome) == values_in(second[0].outcome) == FOUND
    # Any key may be the first; the refused one rests.
    assert sent(rude, "X-Api-Key") in (["k1", "k2", "k2"], ["k2", "k1", "k1"])


def test_when_all_keys_are_refused_the_provider_says_so(rude: Rude, client: HttpClient) -> None:
    rude.says(http("", status="401 No"))
    provider = provider_at(rude, client, more=HEADER, keys={"acme": "k1 k2"})

    (answer,) = ask(provider, "a.example")

    assert answer.outcome == Unauthorized("status 401")
    assert sorted(sent(rude, "X-Api-Key")) == ["k1", "k2"]


def test_a_tenant_is_asked_for_with_its_own_key(rude: Rude, client: HttpClient) -> None:
    rude.says(ACME)
    keys = {"acme": "common", "acme__globex": "own"}
    provider = provider_at(rude, client, more=HEADER, keys=keys)

    ask(provider, "a.example", tenant="globex")
    ask(provider, "a.example", tenant="initech")
    ask(provider, "a.example", tenant="_globex")

    assert sent(rude, "X-Api-Key") == ["own", "common", "common"]


def test_the_next_key_is_asked_with_when_one_has_reached_its_rate(
    rude: Rude, client: HttpClient
) -> None:
    rude.says(http("", "Retry-After: 600", status="429 Slow"), ACME)
    provider = provider_at(rude, client, more=HEADER, keys={"acme": "k1 k2"})

    answers = [*ask(provider, "a.example"), *ask(provider, "b.example")]

    assert [values_in(answer.outcome) for answer in answers] == [{"company_name": "Acme"}] * 2
    assert sent(rude, "X-Api-Key") in (["k1", "k2", "k2"], ["k2", "k1", "k1"])


def test_a_rate_that_all_keys_share_is_no_reason_for_the_next(
    rude: Rude, client: HttpClient
) -> None:
    rude.says(http("", "Retry-After: 600", status="429 Slow"))
    limit = '[[limits]]\ncount = 100\nper_s = 1\nof = "ip"\n'
    provider = provider_at(rude, client, more=limit + HEADER, keys={"acme": "k1 k2"})

    ask(provider, "a.example")

    assert sent(rude, "X-Api-Key") in (["k1"], ["k2"])


def test_without_a_key_nothing_is_asked(rude: Rude, client: HttpClient) -> None:
    provider = provider_at(rude, client, more=HEADER, keys={"acme__globex": "own"})

    (answer,) = ask(provider, "a.example", tenant="initech")

    assert isinstance(answer.outcome, Skipped)
    assert answer.outcome.reason == NO_CREDENTIAL
    assert rude.requests == []


def test_a_key_that_is_optional_may_be_missing(rude: Rude, client: HttpClient) -> None:
    rude.says(ACME)

    ask(provider_at(rude, client, more=HEADER + "optional = true"), "a.example")

    assert sent(rude, "X-Api-Key") == [""]


def test_keys_may_lie_in_a_file(tmp_path, rude: Rude, client: HttpClient) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "keys"
    path.write_text("k1\n\n k2 \n")
    stored = StoredCredentials({"acme": f"file:{path}"})

    assert [key.reveal() for key in stored.get("default", "acme")] == ["k1", "k2"]
    with pytest.raises(SettingsError, match="ENRICH_CREDENTIALS__OTHER: its file cannot be read"):
        StoredCredentials({"other": f"file:{path}.none"})


def test_what_a_call_took_is_what_the_provider_says(rude: Rude, client: HttpClient) -> None:
    rude.says(http('{"name": "Acme"}', "X-Spent: 3"), ACME)
    price = '[price]\ncredits = 0.5\nspent_header = "X-Spent"'
    provider = provider_at(rude, client, more=price)

    costs = [ask(provider, "a.example")[0].cost_microcredits for _ in range(2)]

    assert costs == [1_500_000, None]


# OAuth 2.

_OAUTH = """
[auth]
kind = "oauth2"
token_url = "https://auth.invalid/token"
scope = "read"
"""


def _with_oauth(rude: Rude, client: HttpClient) -> HttpProvider:
    text = text_of_spec(base_url=rude.url, more=_OAUTH)
    spec = load_text(text)
    auth = spec.auth.model_copy(update={"token_url": f"{rude.url}/token"})
    return HttpProvider(
        spec.model_copy(update={"auth": auth}),
        client=client,
        credentials=StoredCredentials({"acme": "id:secret"}),
    )


def _token(value: str, **more: object) -> bytes:
    return http(json.dumps({"access_token": value, **more}))


def test_a_token_is_asked_for_once_and_used_until_it_runs_out(
    rude: Rude, client: HttpClient
) -> None:
    rude.says(_token("t-1", expires_in=3600), ACME)
    provider = _with_oauth(rude, client)

    ask(provider, "a.example")
    ask(provider, "b.example")

    assert dict(parse_qsl(rude.bodies()[0])) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "secret",
        "scope": "read",
    }
    assert sent(rude, "Authorization") == ["", "Bearer t-1", "Bearer t-1"]


def test_a_token_that_is_refused_is_forgotten(rude: Rude, client: HttpClient) -> None:
    rude.says(_token("t-1"), http("", status="401 No"), _token("t-2"), ACME)
    provider = _with_oauth(rude, client)

    ask(provider, "a.example")
    (answer,) = ask(provider, "a.example")

    assert values_in(answer.outcome) == FOUND
    assert sent(rude, "Authorization")[-1] == "Bearer t-2"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (http("", status="401 No"), Unauthorized("no token for this credential")),
        (http("", status="400 No"), Unauthorized("no token for this credential")),
        (http("", status="500 Oh"), Unavailable("no token: status 500")),
    ],
    ids=["401", "400", "500"],
)
def test_without_a_token_nothing_is_asked(
    rude: Rude, client: HttpClient, raw: bytes, kind: Unauthorized | Unavailable
) -> None:
    rude.says(raw)

    (answer,) = ask(_with_oauth(rude, client), "a.example")

    assert answer.outcome == kind
    assert len(rude.requests) == 1


# Many rows in one call.

_BULK = """
[bulk]
size = 10
method = "POST"
path = "/bulk"
into = "batch.requests"
item = { domain = "{domain}", id = "{$key}" }
json = { fixed = true }
answers = "results"
answer_key = "id"
"""


def test_many_rows_travel_in_one_call_and_answers_find_their_rows(
    rude: Rude, client: HttpClient
) -> None:
    rude.says(http('{"results": [{"id": "2", "name": "C"}, {"id": "0", "name": "A"}]}'))
    provider = provider_at(rude, client, more=_BULK)

    answers = ask(provider, "a.example", "b.example", "c.example")

    assert [values_in(answer.outcome) for answer in answers] == [
        {"company_name": "A"},
        {},
        {"company_name": "C"},
    ]
    assert answers[1].outcome == NotFound()
    assert json.loads(rude.bodies()[0]) == {
        "fixed": True,
        "batch": {
            "requests": [
                {"domain": "a.example", "id": "0"},
                {"domain": "b.example", "id": "1"},
                {"domain": "c.example", "id": "2"},
            ]
        },
    }


def test_a_row_that_cannot_be_sent_keeps_no_other_from_being_asked(
    rude: Rude, client: HttpClient
) -> None:
    rude.says(http('{"results": [{"id": "1", "name": "B"}]}'))

    answers = ask(provider_at(rude, client, more=_BULK), "x" * 3000, "b.example")

    assert answers[0].outcome == InvalidInput("domain is too long")
    assert values_in(answers[1].outcome) == {"company_name": "B"}


def test_questions_may_be_joined_into_one_parameter(rude: Rude, client: HttpClient) -> None:
    rude.says(http('[{"host": "B.example", "name": "B"}, {"host": "a.example", "name": "A"}]'))
    bulk = """
[bulk]
size = 50
path = "/many"
into = "hosts"
join = "|"
item = "{domain}"
key = "{domain}"
answers = "@"
answer_key = "host"
"""

    answers = ask(provider_at(rude, client, more=bulk), "a.example", "b.example", "c|d.example")

    assert rude.requests[0].startswith("GET /many?hosts=a.example%7Cb.example HTTP/1.1")
    assert [values_in(answer.outcome) for answer in answers[:2]] == [
        {"company_name": "A"},
        {"company_name": "B"},
    ]
    assert isinstance(answers[2].outcome, InvalidInput)


# Work that takes time.

_DEFERRED = """
[deferred]
retry_s = 4.0
poll = { path = "/jobs/{$token}" }
[[outcomes]]
status = 202
outcome = "pending"
token = { body = "job" }
"""


def test_work_under_way_is_asked_for_by_its_token(rude: Rude, client: HttpClient) -> None:
    rude.says(http('{"job": "j/1"}', status="202 Later"), ACME)
    provider = provider_at(rude, client, more=_DEFERRED)

    (begun,) = ask(provider, "a.example")
    assert isinstance(begun.outcome, Pending)
    (ended,) = ask(provider, "a.example", token=begun.outcome.token)

    assert values_in(ended.outcome) == FOUND
    assert [request.partition(" HTTP")[0] for request in rude.requests] == [
        "GET /c/a.example",
        "GET /jobs/j%2F1",
    ]


def test_many_rows_of_one_job_are_asked_for_in_one_call(rude: Rude, client: HttpClient) -> None:
    done = '{"results": [{"id": "1", "name": "B"}, {"id": "0", "name": "A"}]}'
    rude.says(http('{"job": "j1"}', status="202 Later"), http(done))
    provider = provider_at(rude, client, more=_BULK + _DEFERRED)

    begun = [answer.outcome for answer in ask(provider, "a.example", "b.example")]
    tokens = [outcome.token for outcome in begun if isinstance(outcome, Pending)]
    queries = [
        Query(row=1, inputs={"domain": "b.example"}, token=tokens[1]),
        Query(row=0, inputs={"domain": "a.example"}, token=tokens[0]),
    ]
    ended = provider.ask(queries, Deadline(SystemClock().monotonic_s() + 60))

    assert [values_in(answer.outcome) for answer in ended] == [
        {"company_name": "B"},
        {"company_name": "A"},
    ]
    assert len(rude.requests) == 2


# The catalogue.


def test_a_provider_that_is_gone_is_never_asked(rude: Rude, client: HttpClient) -> None:
    provider = provider_at(rude, client, top='state = "gone"\nsuccessor = "umbrella"')

    (answer,) = ask(provider, "a.example")

    assert answer.outcome == Gone("umbrella")
    assert rude.requests == []


def test_a_provider_of_the_catalogue_can_be_sent_to_a_stand_in(
    rude: Rude, client: HttpClient
) -> None:
    rude.says(http('{"data": {"attributes": {"lei": "5493001KJTIIGC8Y1R12"}}}'))
    provider = HttpProvider(
        load(CATALOGUE / "gleif.toml"),
        client=client,
        credentials=StoredCredentials({}),
        base_url=rude.url,
    )
    query = Query(row=1, inputs={"lei": "5493001KJTIIGC8Y1R12"})

    (answer,) = provider.ask([query], Deadline(SystemClock().monotonic_s() + 60))

    assert values_in(answer.outcome) == {"lei": "5493001KJTIIGC8Y1R12"}
    assert rude.requests[0].startswith("GET /lei-records/5493001KJTIIGC8Y1R12 HTTP/1.1")


def test_k08_who_lacks_a_key_is_not_planned_with_and_the_others_are() -> None:
    without, given = (
        Catalogue(StoredCredentials({})),
        Catalogue(StoredCredentials({"people_data_labs": "k1"})),
    )
    named = without.providers.keys()
    added = {name for name in named if given.is_ready(name) and not without.is_ready(name)}
    without.close()
    given.close()

    assert without.is_ready("gleif")
    assert added == {"people_data_labs", "people_data_labs_company"}
