"""Reading replies: what a status, a body and a header mean, and what becomes of values."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from enrich.domain.outcome import (
    CreditsExhausted,
    Found,
    Gone,
    InvalidInput,
    LegalBlock,
    Malformed,
    NotFound,
    Outcome,
    OutcomeKind,
    Pending,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from enrich.domain.values import Json
from providers.exchange import NotJsonError, parse_json
from providers.spec.bulk import read_bulk
from providers.spec.reading import Asked, kind_of_status
from providers.spec.values import Read, Unusable, clean, typed
from tests.specs import AT, outcome_of, reply, spec_of, values_in

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


_R08: list[tuple[str, Json, Read]] = [
    ("integer", "10,000+", 10000),
    ("integer", "10 000", 10000),
    ("integer", 12.0, 12),
    ("integer", 12.5, Unusable.WRONG),
    ("integer", -1, Unusable.WRONG),
    ("integer", 1e20, Unusable.WRONG),
    ("integer", True, Unusable.WRONG),
    ("integer", {"a": 1}, Unusable.WRONG),
    ("integer", "51-200", Unusable.WRONG),
    ("number", "-47.37", -47.37),
    ("number", "1e3", Unusable.WRONG),
    ("year", 1999, 1999),
    ("year", "1999-05-01", 1999),
    ("year", {"year": 1999, "month": 5}, 1999),
    ("year", 99, Unusable.WRONG),
    ("year", 20000, Unusable.WRONG),
    ("year", True, Unusable.WRONG),
    ("date", "1990-02-03T10:00:00Z", "1990-02-03"),
    ("date", {"year": 1990, "month": 2, "day": 3}, "1990-02-03"),
    ("date", "1990-02-31", Unusable.WRONG),
    ("date", "yesterday", Unusable.WRONG),
    ("url", "acme.com/about", "https://acme.com/about"),
    ("url", "javascript:alert(1)", Unusable.WRONG),
    ("url", "https://user:pw@acme.com", Unusable.WRONG),
    ("url", "http://localhost/x", Unusable.WRONG),
    ("url", "file:///etc/passwd", Unusable.WRONG),
    ("domain", "https://www.Acme.com/x", "acme.com"),
    ("domain", "bücher.example", "xn--bcher-kva.example"),
    ("domain", "not a domain", Unusable.WRONG),
    ("email", "Ada@Example.com", "ada@example.com"),
    ("email", "mailto:ada@example.com", "ada@example.com"),
    ("email", True, Unusable.WRONG),
    ("email", "ada@", Unusable.WRONG),
    ("phone", "+41 44 668 18 00", "+41 44 668 18 00"),
    ("phone", 41446681800, "41446681800"),
    ("phone", "call me", Unusable.WRONG),
    ("flag", "yes", True),
    ("flag", 0, False),
    ("flag", "maybe", Unusable.WRONG),
    ("country_code", "ch", "CH"),
    ("country_code", "NA", "NA"),
    ("country_code", "Switzerland", Unusable.WRONG),
    ("code", "62.01", "62.01"),
    ("code", True, Unusable.WRONG),
    ("text", 12, "12"),
    ("text", True, Unusable.WRONG),
    ("text", {"a": 1}, Unusable.WRONG),
    ("text", ["first", "second"], "first"),
    ("text", [], Unusable.NOTHING),
    ("list", ["a", " a ", "b", "N/A", None], ["a", "b"]),
    ("list", "a; b|c", ["a", "b", "c"]),
    ("list", [{"x": 1}], Unusable.WRONG),
    ("list", [], Unusable.NOTHING),
]


@pytest.mark.parametrize(("kind", "raw", "value"), _R08)
def test_r08_a_value_is_brought_to_its_type_or_dropped(kind: str, raw: Json, value: Read) -> None:
    fields = f'company_name = {{ path = "name", type = "{kind}", prior = 0.9 }}'
    mapped = spec_of(fields=fields).response.fields["company_name"]

    assert typed(raw, mapped) == value


def test_r08_a_wrong_type_is_malformed_where_the_file_says_so() -> None:
    fields = 'employees = { path = "n", type = "integer", prior = 0.9, wrong = "malformed" }'
    spec = spec_of(fields=fields)

    assert outcome_of(spec, reply('{"n": true}')) == Malformed("employees is of a wrong type")
    assert values_in(outcome_of(spec, reply('{"n": 5}'))) == {"employees": 5}


def test_a_number_out_of_its_range_is_dropped() -> None:
    fields = 'latitude = { path = "lat", type = "number", prior = 0.9, min = -90, max = 90 }'

    assert outcome_of(spec_of(fields=fields), reply('{"lat": 91}')) == NotFound()


def test_a_word_of_the_provider_becomes_ours_and_an_unknown_one_nothing() -> None:
    fields = 'employees = { path = "n", type = "integer", prior = 0.9, values = { c_11_50 = 30 } }'
    spec = spec_of(fields=fields)

    assert values_in(outcome_of(spec, reply('{"n": "c_11_50"}'))) == {"employees": 30}
    assert outcome_of(spec, reply('{"n": "c_new"}')) == NotFound()


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("a\x00b\x1bc", "abc"),
        ("\u202eevil\u202c", "evil"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("lone\ud800half", "lonehalf"),
        ("a\n\t b", "a b"),
        ("\U000e0041tag", "tag"),
        ("Zürich 東京", "Zürich 東京"),
    ],
)
def test_r09_what_no_reader_sees_is_removed(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_r09_a_long_text_is_cut_to_the_limit_of_its_field() -> None:
    long = "x" * 1_000_000

    found = values_in(outcome_of(spec_of(), reply(f'{{"name": "{long}"}}')))

    assert found == {"company_name": "x" * 500}


@pytest.mark.parametrize("text", ["<script>x</script>", "=cmd|' /C x'!A0", "'; DROP", "{{7*7}}"])
def test_r10_what_means_something_elsewhere_is_text_here(text: str) -> None:
    assert values_in(outcome_of(spec_of(), reply(f'{{"name": "{text}"}}'))) == {
        "company_name": text
    }


@pytest.mark.parametrize(
    "word", ["N/A", "-", "unknown", "null", "   ", "None", "n/a", "\u200b", "UNKNOWN"]
)
def test_r11_a_word_for_nothing_is_no_value(word: str) -> None:
    assert outcome_of(spec_of(), reply(f'{{"name": "{word}"}}')) == NotFound()


@pytest.mark.parametrize(
    ("said", "confidence"),
    [("8", 0.72), ("20", 0.9), ("-1", 0.0), ('"high"', 0.45), ("null", 0.45), ("true", 0.45)],
)
def test_r12_a_confidence_is_scaled_clamped_or_that_of_none(said: str, confidence: float) -> None:
    rule = 'confidence = { path = "likelihood", scale = 10, missing = 0.5 }'

    outcome = outcome_of(spec_of(response=rule), reply(f'{{"name": "A", "likelihood": {said}}}'))

    assert isinstance(outcome, Found)
    assert outcome.observations["company_name"].confidence == confidence


@pytest.mark.parametrize(
    ("path", "body", "value"),
    [
        ("from_json(raw).name", '{"raw": "{\\"name\\": \\"Acme\\"}"}', "Acme"),
        ("from_json(raw).name", '{"raw": "{name"}', None),
        ("from_json(raw).name", "{}", None),
        ("slice(id, `2`, `5`)", '{"id": "CHE123"}', "E12"),
        ("slice(id, `2`, `99`)", '{"id": "CH"}', None),
        ("slice(id, `0`, `2`)", '{"id": 7}', None),
    ],
    ids=["json", "no json", "no text", "slice", "too short", "no string"],
)
def test_a_text_is_read_as_json_or_cut(path: str, body: str, value: Json) -> None:
    spec = spec_of(fields=f'company_name = {{ path = "{path}", prior = 0.9 }}')

    assert values_in(outcome_of(spec, reply(body))) == ({"company_name": value} if value else {})


def test_an_answer_that_is_too_doubtful_was_not_found() -> None:
    rule = 'confidence = { path = "sure" }\nmin_confidence = 0.5'

    assert outcome_of(spec_of(response=rule), reply('{"name": "A", "sure": 0.4}')) == NotFound()


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


_BULK = """
[bulk]
size = 10
method = "POST"
path = "/bulk"
into = "requests"
item = { domain = "{domain}", id = "{$key}" }
answers = "results"
answer_key = "id"
status = "status"
[[outcomes]]
status = 404
outcome = "not_found"
"""
THREE = [Asked({"domain": f"{name}.example"}, name) for name in ("a", "b", "c")]


def test_many_answers_are_matched_by_their_key_whatever_their_order() -> None:
    body = """{"results": [{"id": "C", "name": "Third"}, {"id": "a", "name": "First"},
               {"id": "x", "name": "Nobody's"}, {"id": "a", "name": "Twice"}, null, 7]}"""

    outcomes = read_bulk(spec_of(more=_BULK), reply(body), THREE)

    assert [values_in(each) for each in outcomes] == [
        {"company_name": "First"},
        {},
        {"company_name": "Third"},
    ]
    assert outcomes[1] == NotFound()


def test_who_answers_every_question_has_said_nothing_about_one_that_is_missing() -> None:
    spec = spec_of(more=_BULK.replace('status = "status"', 'missing = "malformed"'))

    outcomes = read_bulk(spec, reply('{"results": [{"id": "b", "name": "B"}]}'), THREE)

    assert outcomes[0] == outcomes[2] == Malformed("left out of the answers")
    assert values_in(outcomes[1]) == {"company_name": "B"}


def test_each_of_many_answers_has_its_own_status() -> None:
    body = """{"results": [{"id": "a", "status": 404}, {"id": "b", "status": 500},
               {"id": "c", "status": 200, "name": "Third"}]}"""

    outcomes = read_bulk(spec_of(more=_BULK), reply(body), THREE)

    assert outcomes[:2] == [NotFound(), Unavailable("status 500")]
    assert values_in(outcomes[2]) == {"company_name": "Third"}


def test_answers_by_their_place_must_be_as_many_as_the_questions() -> None:
    more = _BULK.replace('answer_key = "id"', 'match = "position"')
    spec = spec_of(more=more)

    three = read_bulk(spec, reply('{"results": [{"name": "A"}, null, {"name": "C"}]}'), THREE)
    two = read_bulk(spec, reply('{"results": [{"name": "A"}, {"name": "C"}]}'), THREE)

    assert [values_in(each) for each in three] == [
        {"company_name": "A"},
        {},
        {"company_name": "C"},
    ]
    assert set(two) == {Malformed("answers do not match questions")}


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        ("{}", 200, Malformed("no list of answers")),
        ("[]", 401, Unauthorized("status 401")),
        ("<html>", 200, Malformed("the answer is not JSON")),
        ("", 503, Unavailable("status 503")),
        ("{}", 400, InvalidInput("status 400")),
    ],
)
def test_what_befalls_the_whole_call_befalls_every_question(
    body: str, status: int, outcome: Outcome
) -> None:
    outcomes = read_bulk(spec_of(more=_BULK), reply(body, status=status), THREE)

    assert outcomes == [outcome] * 3
