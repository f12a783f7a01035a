"""Values in replies: brought to their type, cleaned, cut, scaled, or dropped."""

import pytest

from enrich.domain.outcome import Found, Malformed, NotFound
from enrich.domain.values import Json
from providers.spec.values import Read, Unusable, clean, typed
from tests.specs import outcome_of, reply, spec_of, values_in

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
