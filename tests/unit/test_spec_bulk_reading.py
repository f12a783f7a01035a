"""Reading replies to many questions at once: which answer is whose."""

import pytest

from enrich.domain.outcome import (
    InvalidInput,
    Malformed,
    NotFound,
    Outcome,
    Unauthorized,
    Unavailable,
)
from providers.spec.bulk import read_bulk
from providers.spec.reading import Asked
from tests.specs import reply, spec_of, values_in

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
