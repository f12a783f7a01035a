"""Reading replies: what a status, a body and a header mean, and what becomes of values."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from enrich.domain.outcome import (
    CreditsExhausted,
    Gone,
    LegalBlock,
    Malformed,
    NotFound,
    Outcome,
    OutcomeKind,
    Pending,
    RateLimited,
)
from enrich.domain.values import Json
from providers.exchange import NotJsonError, parse_json
from providers.spec.reading import kind_of_status
from tests.specs import AT, FIELDS, outcome_of, reply, spec_of

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (102, OutcomeKind.MALFORMED),
        (200, OutcomeKind.FOUND),
        (204, OutcomeKind.NOT_FOUND),
        (302, OutcomeKind.MALFORMED),
        (304, OutcomeKind.MALFORMED),
        (400, OutcomeKind.INVALID_INPUT),
        (401, OutcomeKind.UNAUTHORIZED),
        (402, OutcomeKind.CREDITS_EXHAUSTED),
        (403, OutcomeKind.UNAUTHORIZED),
        (404, OutcomeKind.MALFORMED),
        (410, OutcomeKind.GONE),
        (418, OutcomeKind.MALFORMED),
        (422, OutcomeKind.INVALID_INPUT),
        (429, OutcomeKind.RATE_LIMITED),
        (451, OutcomeKind.LEGAL_BLOCK),
        (500, OutcomeKind.UNAVAILABLE),
        (599, OutcomeKind.UNAVAILABLE),
        (999, OutcomeKind.MALFORMED),
    ],
)
def test_r18_a_status_that_no_rule_names_has_its_usual_meaning(
    status: int, kind: OutcomeKind
) -> None:
    assert kind_of_status(status) is kind


_SAME_STATUS = [
    ("hunter", 403, "rate_limited"),
    ("hunter", 429, "credits_exhausted"),
    ("people_data_labs", 404, "not_found"),
    ("abstract", 422, "credits_exhausted"),
    ("apollo", 404, "unavailable"),
    ("cb_insights", 424, "credits_exhausted"),
]


@pytest.mark.parametrize(("who", "status", "kind"), _SAME_STATUS, ids=[w for w, *_ in _SAME_STATUS])
def test_one_status_means_different_things_at_different_providers(
    who: str, status: int, kind: str
) -> None:
    spec = spec_of(more=f'[[outcomes]]\nstatus = {status}\noutcome = "{kind}"')

    assert outcome_of(spec, reply(status=status)).kind.value == kind


def test_the_first_rule_that_holds_speaks() -> None:
    rules = """
[[outcomes]]
status = "4xx"
when = "code == 'quota'"
outcome = "credits_exhausted"
[[outcomes]]
status = [404, 409]
outcome = "not_found"
[[outcomes]]
header = { name = "X-Blocked", equals = "Yes" }
outcome = "legal_block"
reason = "the person asked for it"
"""
    spec = spec_of(more=rules)

    assert outcome_of(spec, reply('{"code": "quota"}', status=404)) == CreditsExhausted()
    assert outcome_of(spec, reply('{"code": "other"}', status=409)) == NotFound()
    assert outcome_of(spec, reply(status=200, x_blocked="yes")) == LegalBlock(
        "the person asked for it"
    )
    assert outcome_of(spec, reply('{"name": "A"}', x_blocked="no")).kind is OutcomeKind.FOUND


def test_r01_a_page_of_html_is_malformed() -> None:
    answer = reply("<html>Welcome</html>", content_type="text/html; charset=utf-8")

    assert outcome_of(spec_of(), answer) == Malformed("the answer is not JSON")


def test_r02_an_error_under_status_200_is_what_the_rule_says() -> None:
    rule = '[[outcomes]]\nwhen = "success == `false`"\noutcome = "rate_limited"\nretry_s = 30'
    spec = spec_of(more=rule)

    assert outcome_of(spec, reply('{"success": false}')) == RateLimited(AT + timedelta(seconds=30))


@pytest.mark.parametrize("body", ["", " ", "null", "[]", "{}", '""'])
@pytest.mark.parametrize(
    ("says", "outcome"),
    [("", NotFound()), ('empty = "malformed"', Malformed("an empty answer"))],
    ids=["by default", "by the file"],
)
def test_r03_an_empty_answer_is_what_the_file_says(body: str, says: str, outcome: Outcome) -> None:
    assert outcome_of(spec_of(response=says), reply(body)) == outcome


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("[" * 1000 + "]" * 1000, "too deep"),
        ("[" * 100_000, "too deep"),
        ('{"a":' * 65 + "1" + "}" * 65, "too deep"),
        (f'{{"name": {"9" * 5000}}}', "too many digits"),
        ('{"name": NaN}', "a number that is none"),
        ('{"name": -Infinity}', "a number that is none"),
        ('{"name": 1e400}', "not finite"),
        ("{" + ",".join(f'"{n}":1' for n in range(100_002)) + "}", "too many items"),
        ('{"name": "A"', "not JSON"),
        ("\ufeff{'a': 1}", "not JSON"),
    ],
    ids=["deep", "deeper", "65", "digits", "nan", "infinity", "large", "keys", "cut", "quotes"],
)
def test_r07_json_beyond_the_limits_is_malformed(body: str, problem: str) -> None:
    outcome = outcome_of(spec_of(), reply(body))

    assert isinstance(outcome, Malformed)
    assert problem in outcome.reason


def test_json_within_the_limits_is_read() -> None:
    body = b'\xef\xbb\xbf{"a": [1, 2.5, "\xc3\xbc"]}'

    assert parse_json(body) == {"a": [1, 2.5, "ü"]}
    assert parse_json(b"[" * 64 + b"]" * 64)


def test_text_that_is_not_utf_8_is_no_json() -> None:
    with pytest.raises(NotJsonError):
        parse_json('{"a": "ü"}'.encode("latin-1"))


@pytest.mark.parametrize(
    ("kind", "asked", "said", "same"),
    [
        ("domain", "example.com", "https://www.Example.com/", True),
        ("domain", "example.com", "example.org", False),
        ("text", "CHE-123.456", "che123456", True),
        ("text", "CHE-123.456", "CHE-123.457", False),
        ("digits", "+41 44 668", "0041 44 668", False),
        ("digits", "+41 44 668", "41-44-668", True),
    ],
)
def test_r13_an_answer_about_another_is_a_mismatch(
    kind: str, asked: str, said: str, same: bool
) -> None:
    rule = f'echo = [{{ input = "domain", path = "id", type = "{kind}" }}]'

    outcome = outcome_of(
        spec_of(response=rule), reply(f'{{"name": "A", "id": "{said}"}}'), domain=asked
    )

    assert (outcome != Malformed("mismatch")) == same


def test_r13_an_echo_that_must_be_there_is_missed() -> None:
    rule = 'echo = [{ input = "domain", path = "id", required = true }]'

    assert outcome_of(spec_of(response=rule), reply('{"name": "A"}')) == Malformed("mismatch")


_ECHO = 'echo = [{ input = "domain", path = "id", type = "domain" }]'
_COUNT = 'employees = { path = "n", type = "integer", prior = 0.8, wrong = "malformed" }'


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        pytest.param('{"name": "A", "id": "example.com"}', 200_000, id="found"),
        pytest.param('{"name": "B", "id": "b.example"}', 200_000, id="of another company"),
        pytest.param('{"name": "A", "n": true}', 200_000, id="of a wrong type"),
        pytest.param('{"id": "example.com", "name": null}', 200_000, id="of no field of ours"),
        pytest.param('{"name": null, "n": [], "more": {"id": ""}}', 0, id="that says nothing"),
        pytest.param("{}", 0, id="empty"),
        pytest.param('{"name": ', 0, id="cut off"),
        pytest.param("[1]", 0, id="no record"),
    ],
)
def test_a_record_that_came_whole_is_charged_as_a_hit(body: str, cost: int) -> None:
    paid = spec_of(more="[price]\ncredits = 0.2", response=_ECHO, fields=f"{FIELDS}\n{_COUNT}")

    outcome = outcome_of(paid, reply(body), domain="example.com")

    assert paid.provider_spec.cost_of(outcome) == cost


_MOMENTS = [
    ('retry_at = [{ header = "retry-after" }]', {"retry_after": "30"}, "", timedelta(seconds=30)),
    ("", {"retry_after": "30"}, "", timedelta(seconds=30)),
    ("", {"retry_after": "Thu, 01 Jan 2026 01:00:00 GMT"}, "", HOUR),
    ("", {"retry_after": "soon"}, "", timedelta(seconds=60)),
    ("", {"retry_after": "-5"}, "", timedelta(seconds=60)),
    ("", {"retry_after": "nan"}, "", timedelta(seconds=60)),
    ("", {"retry_after": "1e99"}, "", timedelta(days=1)),
    ("", {"retry_after": "Thu, 01 Jan 1970 00:00:00 GMT"}, "", timedelta(0)),
    (
        'retry_at = [{ header = "x-reset", form = "epoch_s" }]',
        {"x_reset": str(int(AT.timestamp()) + 3600)},
        "",
        HOUR,
    ),
    (
        'retry_at = [{ header = "x-reset", path = "minute", form = "iso" }]',
        {"x_reset": '{"minute": "2026-01-01T01:00:00"}'},
        "",
        HOUR,
    ),
    ('retry_at = [{ body = "wait", form = "seconds" }]', {}, '{"wait": 3600}', HOUR),
    ('retry_at = [{ calendar = "day" }]', {}, "", timedelta(days=1)),
    ("retry_s = 7.0", {}, "", timedelta(seconds=7)),
]


@pytest.mark.parametrize(
    "when", ["2999-01-01T00:00:00Z", "1970-01-01", "yesterday", 1e20, None], ids=str
)
def test_r14_a_providers_own_time_never_says_when_we_were_told(when: Json) -> None:
    plain = outcome_of(spec_of(), reply('{"name": "Acme"}'))

    body = json.dumps({"name": "Acme", "updated_at": when, "observed_at": when})
    dated = outcome_of(spec_of(), reply(body, date=str(when)))

    # What orders answers is the moment of ours that `Said` and `Response` carry; none comes along.
    assert dated == plain


@pytest.mark.parametrize(("rule", "headers", "body", "wait"), _MOMENTS)
def test_r14_the_moment_to_come_back_is_read_and_kept_within_a_day(
    rule: str, headers: dict[str, str], body: str, wait: timedelta
) -> None:
    spec = spec_of(more=f'[[outcomes]]\nstatus = 429\noutcome = "rate_limited"\n{rule}')

    assert outcome_of(spec, reply(body, status=429, **headers)) == RateLimited(AT + wait)


def test_credits_come_back_by_the_calendar() -> None:
    rule = (
        '[[outcomes]]\nstatus = 402\noutcome = "credits_exhausted"\n'
        'reset_at = [{ calendar = "month" }]'
    )

    assert outcome_of(spec_of(more=rule), reply(status=402)) == CreditsExhausted(
        datetime(2026, 2, 1, tzinfo=UTC)
    )


_DEFERRED = """
[deferred]
retry_s = 4.0
poll = { path = "/jobs/{$token}" }
[[outcomes]]
status = 202
outcome = "pending"
token = { body = "job.id", header = "location", last_segment = true }
"""


@pytest.mark.parametrize(
    ("headers", "body", "token"),
    [
        ({}, '{"job": {"id": "abc-1"}}', "abc-1"),
        ({}, '{"job": {"id": 17}}', "17"),
        ({"location": "https://evil.example/v1/jobs/abc-2?x=1"}, "", "abc-2"),
    ],
    ids=["body", "number", "location"],
)
def test_work_under_way_is_pending_with_its_token(
    headers: dict[str, str], body: str, token: str
) -> None:
    outcome = outcome_of(spec_of(more=_DEFERRED), reply(body, status=202, **headers))

    assert outcome == Pending(AT + timedelta(seconds=4), token)


@pytest.mark.parametrize("body", ["", '{"job": {"id": "a b"}}', '{"job": {"id": ""}}'])
def test_work_under_way_without_a_usable_token_is_malformed(body: str) -> None:
    outcome = outcome_of(spec_of(more=_DEFERRED), reply(body, status=202))

    assert outcome == Malformed("no token to ask with")


def test_a_successor_is_named_when_a_provider_is_gone() -> None:
    spec = spec_of(top='state = "deprecated"\nsuccessor = "umbrella"')

    assert outcome_of(spec, reply(status=410)) == Gone("umbrella")
