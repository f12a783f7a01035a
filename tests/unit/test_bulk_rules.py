"""Replies to many rows: what is said of the whole, what of an entry, and what `check` demands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from enrich.domain.outcome import Outcome
from providers.spec import check, load_text
from providers.spec.bulk import read_bulk
from providers.spec.checking import doubts
from providers.spec.reading import Asked
from tests.specs import reply

ASKED = [Asked({"email": f"{name}@example.com"}, f"{name}@example.com") for name in ("ada", "bob")]
BOTH = """{"people": [
  {"email": "bob@example.com", "person": null},
  {"email": "ada@example.com", "person": {"title": "Engineer"}}
]}"""
_RULE = '[[outcomes]]\nwhen = "person == null"\nstatus = 200\noutcome = "not_found"\n'
_FILE = """
name = "acme"
title = "Acme"
tier = "cheap"
licence = "none"
source = "made up"
data_class = "personal"
base_url = "https://api.example.com/v2"
inputs = [["email"]]
[[request]]
path = "/person"
query = { email = "{email}" }
[bulk]
size = 50
method = "POST"
path = "/people"
into = "emails"
item = "{email|lower}"
answers = "people"
key = "{email|lower}"
answer_key = "email"
EXAMPLE
RULES
[response.fields]
job_title = { path = "person.title", prior = 0.8 }
[[example]]
name = "known"
inputs = { email = "ada@example.com" }
body = '{"person": {"title": "Engineer"}}'
outcome = "found"
[[example]]
name = "nobody"
inputs = { email = "bob@example.com" }
body = '{"person": null}'
outcome = "not_found"
[[example]]
name = "down"
inputs = { email = "ada@example.com" }
status = 503
outcome = "unavailable"
"""
_EXAMPLE = """
[[bulk.example]]
name = "three"
sends = "POST https://api.example.com/v2/people"
body = '''
{"people": [
  {"email": "eve@example.com", "person": {"title": "Baker"}},
  {"email": "ada@example.com", "person": {"title": "Engineer"}},
  {"email": "bob@example.com", "person": null}
]}'''
rows = [
  { inputs = { email = "Ada@example.com" }, outcome = "found", values = { job_title = "Engineer" }},
  { inputs = { email = "bob@example.com" }, outcome = "not_found" },
  { inputs = { email = "eve@example.com" }, outcome = "found", values = { job_title = "Baker" } },
]
"""
Checked = Callable[[str], str]


def file_of(rules: str = _RULE, example: str = _EXAMPLE) -> str:
    return _FILE.replace("EXAMPLE", example).replace("RULES", rules)


def outcomes(rules: str, body: str = BOTH, status: int = 200) -> list[Outcome]:
    return read_bulk(load_text(file_of(rules)), reply(body, status=status), ASKED)


def kinds(rules: str, body: str = BOTH, status: int = 200) -> list[str]:
    return [each.kind.value for each in outcomes(rules, body, status)]


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """Check a file's text, and give what is wrong with it, a line each."""
    path = tmp_path / "acme.toml"

    def faults(text: str) -> str:
        path.write_text(text)
        return "\n".join(str(fault) for fault in check(path))

    return faults


@pytest.mark.parametrize("outcome", ["not_found", "invalid_input", "malformed"])
def test_a_condition_about_a_row_is_asked_of_each_entry(outcome: str) -> None:
    rule = f'[[outcomes]]\nwhen = "person == null"\noutcome = "{outcome}"\n'

    assert kinds(rule) == ["found", outcome]


@pytest.mark.parametrize(
    ("rule", "body", "status", "expected"),
    [
        ('when = "error"\noutcome = "credits_exhausted"', '{"error": 1}', 200, "credits_exhausted"),
        ('when = "error"\noutcome = "not_found"', '{"error": 1}', 200, "malformed"),
        ('when = "error"\noutcome = "not_found"', '{"error": 1}', 404, "not_found"),
        (
            'when = "error"\noutcome = "not_found"\nscope = "reply"',
            '{"error": 1}',
            200,
            "not_found",
        ),
        ('when = "people"\noutcome = "unavailable"\nscope = "entry"', BOTH, 503, "unavailable"),
        ('status = 404\noutcome = "not_found"', "", 404, "not_found"),
    ],
    ids=["of the call", "of rows", "a refusal", "scope reply", "scope entry", "no condition"],
)
def test_what_a_whole_reply_means_is_said_by_the_rules_about_it(
    rule: str, body: str, status: int, expected: str
) -> None:
    assert kinds(f"[[outcomes]]\n{rule}\n", body, status) == [expected] * 2


def test_a_rule_about_entries_alone_never_speaks_of_the_whole() -> None:
    rule = '[[outcomes]]\nwhen = "people || !person"\noutcome = "unavailable"\nscope = "entry"\n'

    assert kinds(rule) == ["found", "unavailable"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"people": [{"mail": "ada@example.com", "person": {"title": "X"}}]}', "malformed"),
        ('{"people": [{"email": "eve@example.com", "person": {"title": "X"}}]}', "malformed"),
        ('{"people": []}', "not_found"),
        ('{"people": [null, null]}', "not_found"),
    ],
    ids=["no key", "other keys", "no answers", "empty answers"],
)
def test_answers_to_nothing_that_was_asked_are_no_misses(body: str, expected: str) -> None:
    assert kinds(_RULE, body) == [expected] * 2


def test_a_file_with_a_bulk_example_holds(checked: Checked) -> None:
    assert checked(file_of()) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (_EXAMPLE, "", "line 13: no [[bulk.example]] shows a reply to several rows; add one"),
        ('"Baker"', '"Engineer"', "no [[bulk.example]] has two rows that are found with other"),
        ('answers = "people"', 'answers = "peolpe"', "is malformed (no list of answers)"),
        ('answer_key = "email"', 'answer_key = "mail"', "(no answer has a key that was asked)"),
        ('"Baker" } },', '"Cook" } },', "rows[2] reads {'job_title': 'Baker'}, not"),
        ("/v2/people", "/v2/persons", "three: sends POST https://api.example.com/v2/people, not"),
        (
            _RULE,
            _RULE + 'scope = "reply"\n',
            "rows[0] is not_found (outcomes[0] speaks of the whole reply",
        ),
    ],
    ids=["none", "all alike", "answers", "answer_key", "values", "sends", "scope"],
)
def test_a_file_whose_bulk_part_is_not_shown_to_work_fails(
    old: str, new: str, said: str, checked: Checked
) -> None:
    assert said in checked(file_of().replace(old, new))


def test_a_condition_that_a_whole_reply_meets_too_is_doubted_until_it_says_so() -> None:
    meant = _RULE + 'scope = "entry"\n'

    assert "its `when` holds for a whole [bulk] reply too" in "".join(doubts(load_text(file_of())))
    assert doubts(load_text(file_of(meant))) == ()


def test_what_a_bulk_example_does_not_show_is_doubted() -> None:
    rows = _EXAMPLE[: _EXAMPLE.index("rows = [")]
    ada = '{ inputs = { email = "ada@example.com" }, outcome = "found" }'
    eve = '{ inputs = { email = "eve@example.com" }, outcome = "found" }'

    told = "\n".join(doubts(load_text(file_of(example=f"{rows}rows = [{eve}, {ada}]\n"))))

    assert "has a row that is not found" in told
    assert "answers in another order" in told
