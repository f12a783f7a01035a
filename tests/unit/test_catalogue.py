"""The catalogue's real providers: what their odd answers mean, and who is never asked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from enrich.domain.fields import FIELDS, FieldType
from enrich.domain.outcome import (
    CreditsExhausted,
    Found,
    Gone,
    NotFound,
    Outcome,
    OutcomeKind,
    Pending,
    RateLimited,
)
from enrich.domain.provider import Query
from enrich.ports.outside import Deadline
from providers.base import SystemClock
from providers.catalogued import catalogue_providers, why_not
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.spec import HttpSpec, load_catalogue
from providers.spec.answers import Example, Rule
from providers.spec.asking import bulk_call, poll_call
from providers.spec.bulk import read_bulk
from providers.spec.reading import Asked, read
from providers.wire import Addresses
from tests.specs import AT, reply, values_in

SPECS: Mapping[str, HttpSpec] = {spec.name: spec for spec in load_catalogue()}
_EACH = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
_RULES = [
    pytest.param(spec, rule, id=f"{spec.name}-{number}-{rule.outcome.value}")
    for spec in SPECS.values()
    for number, rule in enumerate(spec.outcomes)
]
_NOBODY = [
    pytest.param(spec, example, id=f"{spec.name}: {example.name}")
    for spec in SPECS.values()
    for example in spec.example
    if spec.price.credits and spec.price.charge == "on_hit"
    if example.outcome is OutcomeKind.NOT_FOUND
]
_PERSONAL = frozenset({"full_name", "first_name", "last_name", "email", "job_title"})
K = OutcomeKind


def _read(name: str, status: int, body: str, **headers: str) -> Outcome:
    return read(SPECS[name], reply(body, status=status, **headers), Asked({}))


def _nobody(host: str, _port: int) -> Addresses:
    raise AssertionError(host)


def _is_shown(rule: Rule, spec: HttpSpec) -> bool:
    return any(
        example.outcome is rule.outcome
        and (not rule.status or {example.status, f"{example.status // 100}xx"} & set(rule.status))
        for example in spec.example
    )


@pytest.mark.parametrize(
    ("name", "status", "body", "kind"),
    [
        ("hunter_email_finder", 200, '{"data": {"email": null, "score": null}}', K.NOT_FOUND),
        ("hunter_email_finder", 202, "", K.PENDING),
        ("hunter_email_finder", 404, "", K.NOT_FOUND),
        ("hunter_email_verifier", 202, "", K.PENDING),
        ("hunter_email_verifier", 222, "", K.UNAVAILABLE),
        ("hunter_email_verifier", 403, "", K.RATE_LIMITED),
        ("hunter_email_verifier", 429, "", K.CREDITS_EXHAUSTED),
        ("hunter_companies", 403, "", K.RATE_LIMITED),
        ("hunter_companies", 429, "", K.CREDITS_EXHAUSTED),
        ("hunter_companies", 451, "", K.LEGAL_BLOCK),
        ("people_data_labs", 402, "", K.CREDITS_EXHAUSTED),
        ("people_data_labs", 404, "", K.NOT_FOUND),
        ("people_data_labs", 429, "", K.RATE_LIMITED),
        ("abstract_company", 422, "", K.CREDITS_EXHAUSTED),
        ("abstract_email", 422, "", K.CREDITS_EXHAUSTED),
        ("abstract_phone", 422, "", K.CREDITS_EXHAUSTED),
        ("abstract_phone", 429, "", K.RATE_LIMITED),
        ("together_ai", 429, "", K.RATE_LIMITED),
        ("together_ai", 503, "", K.UNAVAILABLE),
        ("apollo", 404, '{"error_code": "result_pending"}', K.PENDING),
        ("apollo", 404, '{"error_code": "request_id_unknown"}', K.NOT_FOUND),
        ("apollo", 410, "", K.INVALID_INPUT),
        ("apollo", 429, "", K.RATE_LIMITED),
        ("coresignal", 402, "", K.CREDITS_EXHAUSTED),
        ("coresignal", 429, "", K.RATE_LIMITED),
        ("emailrep", 429, '{"reason": "exceeded daily limit"}', K.RATE_LIMITED),
        ("emailrep", 429, '{"reason": "anonymous access is disabled"}', K.UNAUTHORIZED),
        ("numverify", 200, '{"success": false, "error": {"code": 104}}', K.CREDITS_EXHAUSTED),
        ("numverify", 200, '{"success": false, "error": {"code": 0}}', K.MALFORMED),
        ("zerobounce", 200, '{"error": "ran out of credits"}', K.CREDITS_EXHAUSTED),
        ("wikidata", 200, '{"error": {"code": "ratelimited"}}', K.RATE_LIMITED),
        ("sec_edgar", 403, "<html>", K.RATE_LIMITED),
        ("enrich_layer", 403, "", K.CREDITS_EXHAUSTED),
        ("opencorporates", 403, "", K.CREDITS_EXHAUSTED),
        ("github", 403, "", K.UNAUTHORIZED),
        ("brreg", 410, "", K.NOT_FOUND),
        ("clearbit", 202, "", K.PENDING),
        ("fullenrich", 200, '{"status": "CREDITS_INSUFFICIENT"}', K.CREDITS_EXHAUSTED),
    ],
)
def test_a_status_means_what_the_provider_means_by_it(
    name: str, status: int, body: str, kind: OutcomeKind
) -> None:
    assert _read(name, status, body).kind is kind


@pytest.mark.parametrize(("spec", "rule"), _RULES)
def test_every_rule_of_a_file_has_a_reply_that_shows_it(spec: HttpSpec, rule: Rule) -> None:
    assert _is_shown(rule, spec)


@_EACH
def test_a_provider_that_wants_a_key_shows_how_it_refuses_one(spec: HttpSpec) -> None:
    shown = {example.outcome for example in spec.example}

    assert spec.credential is None or spec.state == "gone" or K.UNAUTHORIZED in shown


@_EACH
def test_an_answer_about_a_person_is_called_personal(spec: HttpSpec) -> None:
    about = _PERSONAL & set(spec.response.fields)

    assert not about or spec.data_class == "personal"


@pytest.mark.parametrize(("spec", "example"), _NOBODY)
def test_nobody_costs_nothing_where_hits_are_charged(spec: HttpSpec, example: Example) -> None:
    told = reply(example.body, status=example.status)

    assert spec.provider_spec.cost_of(read(spec, told, Asked(example.inputs))) == 0


@_EACH
def test_what_is_kept_is_kept_longer_when_it_was_found(spec: HttpSpec) -> None:
    assert (spec.keep.found_s or 1) >= (spec.keep.not_found_s or 0)


@_EACH
def test_a_flag_is_read_as_one(spec: HttpSpec) -> None:
    flags = {name for name in spec.response.fields if FIELDS[name].type is FieldType.FLAG}

    assert {spec.response.fields[name].type for name in flags} <= {"flag"}


def test_names_are_unique_and_there_is_a_catalogue_to_speak_of() -> None:
    assert len(load_catalogue()) == len(SPECS) >= 24


def test_the_deprecated_and_the_gone_name_who_took_over() -> None:
    left = {name: spec.successor for name, spec in SPECS.items() if spec.state != "active"}

    assert left == {"clearbit": "hubspot_breeze", "proxycurl": "enrich_layer"}


@pytest.mark.parametrize(
    ("keys", "told"), [({"clearbit": "key"}, ["clearbit"]), ({}, [])], ids=["a key", "none"]
)
def test_whoever_is_asked_is_told_that_a_provider_is_deprecated(
    keys: dict[str, str], told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    catalogue_providers(StoredCredentials(keys), HttpClient(resolve=_nobody))

    records = [vars(one) for one in caplog.records if one.message == "provider.deprecated"]
    assert [record["provider"] for record in records] == told


def test_a_provider_that_is_gone_is_left_out_whatever_keys_there_are() -> None:
    reason = why_not(SPECS["proxycurl"], StoredCredentials({"proxycurl": "key"}))

    assert reason == "it is gone; enrich_layer took over"


def test_a_provider_that_is_gone_is_not_called_when_asked_all_the_same() -> None:
    clock = SystemClock()
    client = HttpClient(resolve=_nobody)
    keys = StoredCredentials({"proxycurl": "key"})
    provider = HttpProvider(SPECS["proxycurl"], client=client, credentials=keys)
    query = Query(row=1, inputs={"linkedin_url": "https://linkedin.com/in/a"})

    (answer,) = provider.ask([query], Deadline(clock.monotonic_s() + 5))
    client.close()

    assert answer.outcome == Gone("enrich_layer")
    assert answer.cost_microcredits == 0


@pytest.mark.parametrize(
    ("name", "status", "body", "reset_at"),
    [
        ("hunter_companies", 429, "", datetime(2026, 2, 1, tzinfo=UTC)),
        ("abstract_email", 422, "", datetime(2026, 2, 1, tzinfo=UTC)),
        ("opencorporates", 403, "", datetime(2026, 1, 2, tzinfo=UTC)),
        ("enrich_layer", 403, "", None),
    ],
)
def test_credits_come_back_when_the_calendar_says(
    name: str, status: int, body: str, reset_at: datetime | None
) -> None:
    assert _read(name, status, body) == CreditsExhausted(reset_at)


@pytest.mark.parametrize(
    ("name", "status", "headers", "wait_s"),
    [
        ("github", 403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1767226200"}, 600),
        ("github", 429, {"x_ratelimit_remaining": "3", "retry_after": "7"}, 7),
        ("apollo", 429, {"retry_after": "42"}, 42),
        ("companies_house", 429, {}, 300),
        ("crunchbase", 429, {}, 60),
        ("abstract_phone", 429, {}, 1),
        ("together_ai", 429, {"x_ratelimit_reset": "2"}, 2),
        ("gravatar", 429, {"x_ratelimit_reset": "1767225605"}, 5),
    ],
)
def test_it_is_asked_again_when_it_says_or_when_its_window_is_over(
    name: str, status: int, headers: Mapping[str, str], wait_s: float
) -> None:
    assert _read(name, status, "", **headers) == RateLimited(AT + timedelta(seconds=wait_s))


@pytest.mark.parametrize(
    ("name", "body", "token", "polled"),
    [
        (
            "snov",
            '{"data": [], "meta": {"task_hash": "5d3e"}}',
            "5d3e",
            "https://api.snov.io/v2/emails-by-domain-by-name/result?task_hash=5d3e",
        ),
        (
            "apollo",
            '{"person": {}, "request_id": "8f2b", "waterfall": {"status": "accepted"}}',
            "8f2b",
            "https://api.apollo.io/api/v1/webhook_result/8f2b",
        ),
        (
            "fullenrich",
            '{"enrichment_id": "2db5"}',
            "2db5",
            "https://app.fullenrich.com/api/v2/contact/enrich/bulk/2db5",
        ),
    ],
)
def test_a_question_that_is_worked_on_is_called_for_by_its_token(
    name: str, body: str, token: str, polled: str
) -> None:
    outcome = _read(name, 200, body)

    assert isinstance(outcome, Pending)
    assert outcome.token == token
    assert poll_call(SPECS[name], token).url == polled


def test_rows_of_one_bulk_question_get_their_own_answers_in_any_order() -> None:
    rows: Sequence[Asked] = [
        Asked({"first_name": first, "last_name": "Example", "domain": "example.com"}, key)
        for first, key in (("Ada", "0"), ("Bob", "1"), ("Cy", "2"))
    ]
    body = """{"status": "FINISHED", "data": [
        {"custom": {"row": "1"}, "contact_info": {"most_probable_work_email": null}},
        {"custom": {"row": "0"}, "contact_info": {
            "most_probable_work_email": {"email": "ada@example.com", "status": "DELIVERABLE"}}}]}"""

    sent = bulk_call(SPECS["fullenrich"], rows).body or b""
    told = read_bulk(SPECS["fullenrich"], reply(body), rows)

    assert sent.count(b'"row"') == len(rows)
    assert values_in(told[0]) == {"email": "ada@example.com", "email_status": "valid"}
    assert told[1:] == [NotFound(), NotFound()]


def test_a_question_about_many_is_answered_by_what_was_asked() -> None:
    rows = [
        Asked({"domain": "www.B.example"}, "b.example"),
        Asked({"domain": "a.example"}, "a.example"),
    ]
    body = """[{"matched_on": "a.example", "matches": []},
              {"matched_on": "b.example", "matches": [{"confidence_score": 0.5,
               "company_data": {"basic_info": {"name": "B"}}}]}]"""

    sent = bulk_call(SPECS["crustdata"], rows).body or b""
    told = read_bulk(SPECS["crustdata"], reply(body), rows)

    assert b'"domains": ["b.example", "a.example"]' in sent
    assert values_in(told[0]) == {"company_name": "B"}
    assert told[1] == NotFound()


def test_no_reply_of_an_example_holds_a_key() -> None:
    bodies = chain.from_iterable(
        (example.body, *example.headers.values())
        for spec in SPECS.values()
        for example in spec.example
    )

    assert [body for body in bodies if "api_key=" in body or "Bearer " in body] == []


def test_another_companys_answer_is_not_taken() -> None:
    asked = Asked({"domain": "example.com"})
    outcome = read(
        SPECS["hunter_companies"], reply('{"data": {"name": "O", "domain": "o.example"}}'), asked
    )

    assert not isinstance(outcome, Found)
    assert outcome.kind is K.MALFORMED
