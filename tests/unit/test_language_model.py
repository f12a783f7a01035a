"""What a language model is sent and what its answers become, without a network."""

import json
from collections.abc import Mapping

import pytest

from enrich.domain.answer_form import ANSWERS, schema_of
from enrich.domain.framing import SOURCE_CHARS_MAX, framed_json, source_text
from enrich.domain.outcome import (
    Found,
    InvalidInput,
    Malformed,
    NotFound,
    Outcome,
    OutcomeKind,
    outcome_from_json,
    outcome_to_json,
)
from enrich.domain.tokens import TokenPrice
from enrich.domain.values import Json, JsonObject
from providers.llm.evidence import DERIVED, STATED, UNSUPPORTED, support_of
from providers.llm.messages import Task, body_of, fixed_bytes
from providers.llm.reading import Reading, Usage, outcome_of, usage_of

ABOUT = "Acme makes watches in Biel, with 1,250 people.\nFounded in 1901."
SOURCES: Mapping[str, Json] = {"about": ABOUT}
TEXT = Reading(field="sector", schema=ANSWERS["text"])
CHOICE = Reading(field="sector", schema=json.loads(schema_of(choices=["retail", "banking"])))
WORD = "f00d" * 8


def replied(content: Json, *, reason: str = "stop", **message: Json) -> JsonObject:
    choice: Json = {"finish_reason": reason, "message": {"content": content, **message}}
    return {"choices": [choice]}


def said(value: Json, quote: Json = "Acme makes watches", **more: Json) -> str:
    return json.dumps({"value": value, "quote": quote, **more})


def read(content: Json, reading: Reading = TEXT) -> Outcome:
    return outcome_of(reading, replied(content), SOURCES)


def confidence(outcome: Outcome) -> float:
    return outcome.observations["sector"].confidence if isinstance(outcome, Found) else -1.0


def task(**changes: object) -> Task:
    given: dict[str, object] = {
        "prompt": "Sector of {company}, {{one}} word",
        "schema": ANSWERS["text"],
        "names": {"company": "company"},
        "sources": ("company",),
        "model": "small",
        "max_tokens": 50,
    }
    return Task(**{**given, **changes})  # type: ignore[arg-type] # by name


@pytest.mark.parametrize(
    ("content", "sure"),
    [
        (said("watches"), STATED),
        (said("Watches", quote="acme  MAKES\nwatches"), STATED),
        (said("Manufacturing"), DERIVED),
        (said("watches", quote="Acme sells watches"), UNSUPPORTED),
        (said("watches", quote=None), UNSUPPORTED),
        (said("watches", quote=" "), UNSUPPORTED),
        (said("watches", quote="a"), UNSUPPORTED),
        (json.dumps({"value": "watches"}), UNSUPPORTED),
        (f"```json\n{said('watches')}\n```", STATED),
        (f"  ```\n{said('watches')}\n```\n", STATED),
    ],
    ids=["stated", "case", "derived", "not there", "none", "blank", "one sign", "without", "fence",
         "bare fence"],
)  # fmt: skip
def test_a_value_is_as_sure_as_its_quote(content: str, sure: float) -> None:
    assert confidence(read(content)) == sure


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (f"Here you are: {said('watches')}", OutcomeKind.MALFORMED),
        (f"{said('watches')}\nI hope that helps.", OutcomeKind.MALFORMED),
        (said("watches", confidence=1.0), OutcomeKind.MALFORMED),
        (said("w" * 100_000), OutcomeKind.MALFORMED),
        (said("w" * 600), OutcomeKind.MALFORMED),
        (said(7), OutcomeKind.MALFORMED),
        (said({"name": "watches"}), OutcomeKind.MALFORMED),
        (said("watches", quote=["Acme"]), OutcomeKind.MALFORMED),
        (said("see http://evil.example/?q=1"), OutcomeKind.MALFORMED),
        (said("![x](data:1)"), OutcomeKind.MALFORMED),
        (said("wat\u200bches"), OutcomeKind.MALFORMED),
        (said("wat\x00ches"), OutcomeKind.MALFORMED),
        ('["watches"]', OutcomeKind.MALFORMED),
        ('"watches"', OutcomeKind.MALFORMED),
        ("{}", OutcomeKind.MALFORMED),
        ('{"value": NaN, "quote": null}', OutcomeKind.MALFORMED),
        ("I cannot say.", OutcomeKind.MALFORMED),
        ("", OutcomeKind.MALFORMED),
        (None, OutcomeKind.MALFORMED),
        (["a"], OutcomeKind.MALFORMED),
        (said(None), OutcomeKind.NOT_FOUND),
        (said("  "), OutcomeKind.NOT_FOUND),
    ],
    ids=["prose before", "prose behind", "extra", "100 kB", "long", "number", "object", "quotes",
         "link", "markup", "unseen", "control", "list", "text", "empty object", "no number",
         "no json", "empty", "nothing", "parts", "null", "blank"],
)  # fmt: skip
def test_r20_an_answer_has_the_form_or_fails(content: Json, kind: OutcomeKind) -> None:
    assert read(content).kind is kind


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        (replied(said("watches"), reason="length"), Malformed("cut off at the limit of tokens")),
        (replied("", refusal="no"), InvalidInput("the model refuses to answer")),
        (replied("", reason="content_filter"), InvalidInput("the model refuses to answer")),
        ({"choices": []}, Malformed("no choice in the answer")),
        ({"choices": "x"}, Malformed("no choice in the answer")),
        ({"choices": [7]}, Malformed("no choice in the answer")),
        ({"choices": [{"message": "x"}]}, Malformed("no message in the answer")),
        ([], Malformed("no choice in the answer")),
        (None, Malformed("no choice in the answer")),
    ],
    ids=["length", "refusal", "filter", "empty", "text", "number", "message", "list", "null"],
)
def test_a_reply_without_an_answer_has_its_own_outcome(document: Json, outcome: Outcome) -> None:
    assert outcome_of(TEXT, document, SOURCES) == outcome


def test_a_choice_is_one_of_those_offered() -> None:
    assert confidence(read(said("retail"), CHOICE)) == DERIVED
    assert read(said("PWNED"), CHOICE) == Malformed("the value is not of the agreed form")
    assert read(said(None), CHOICE) == NotFound()


def test_a_url_column_may_hold_a_link() -> None:
    reading = Reading(field="sector", schema=ANSWERS["url"], may_link=True)

    assert isinstance(read(said("https://acme.example"), reading), Found)


def test_the_setting_lowers_what_is_unsupported() -> None:
    reading = Reading(field="sector", schema=ANSWERS["text"], unsupported=0.1)

    assert confidence(read(said("watches", quote="nowhere"), reading)) == 0.1


@pytest.mark.parametrize(
    ("value", "quote", "sure"),
    [
        (1250, "with 1,250 people", STATED),
        (250, "with 1,250 people", DERIVED),
        (1901.0, "founded in 1901", STATED),
        (True, "makes watches", DERIVED),
        (["watches", "Biel"], "makes watches in Biel", STATED),
        (["watches", "Bern"], "makes watches in Biel", DERIVED),
    ],
    ids=["number", "part of one", "float", "flag", "list", "other list"],
)
def test_a_value_is_stated_only_when_the_quote_holds_all_of_it(
    value: Json, quote: str, sure: float
) -> None:
    assert support_of(value, quote, SOURCES).confidence == sure


def test_why_a_value_is_as_sure_as_it_is_is_told_and_kept() -> None:
    outcome = read(said("watches", quote="never"))

    assert isinstance(outcome, Found)
    assert outcome.observations["sector"].note == "what the model quotes is not in the source"
    assert outcome_from_json(outcome_to_json(outcome)) == outcome


@pytest.mark.parametrize(
    ("usage", "read_as"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}, Usage(10, 2)),
        ({"prompt_tokens": 10}, None),
        ({"prompt_tokens": True, "completion_tokens": 2}, None),
        ({"prompt_tokens": -1, "completion_tokens": 2}, None),
        ({"prompt_tokens": "10", "completion_tokens": 2}, None),
        ("many", None),
        (None, None),
    ],
    ids=["whole", "half", "flag", "negative", "text", "no object", "none"],
)
def test_tokens_count_when_they_are_soundly_said(usage: Json, read_as: Usage | None) -> None:
    assert usage_of({"usage": usage}) == read_as


def test_tokens_cost_whole_microcredits_rounded_up() -> None:
    price = TokenPrice(read_microcredits=880_000, written_microcredits=2_000_000)

    assert price.cost(read=1000, written=0) == 880
    assert price.cost(read=1, written=1) == 3
    assert price.cost(read=0, written=0) == 0


def test_the_task_names_columns_and_never_holds_their_values() -> None:
    body = json.loads(body_of(task(), {"company": "SECRET Ltd"}, word=WORD))
    system, user = body["messages"]

    assert "Sector of `company`, {one} word" in system["content"]
    assert "SECRET" not in system["content"]
    assert user["content"] == f'<data {WORD}>\n{{"company": "SECRET Ltd"}}\n</data {WORD}>'


@pytest.mark.parametrize(
    ("form", "told"),
    [("json_schema", "json_schema"), ("json_object", "json_object"), ("text", None)],
)
def test_the_form_is_told_as_the_server_knows_it(form: str, told: str | None) -> None:
    body = json.loads(body_of(task(format=form), {}, word=WORD))

    assert body.get("response_format", {}).get("type") == told


def test_what_nobody_sees_is_not_sent() -> None:
    hidden = "a\u200bb\u202ec\U000e0041d\x00e\x1bf\ufeffg\u2066h"

    assert source_text(hidden) == "abcdefgh"
    assert source_text("two\r\n\u2028lines") == "two lines"
    assert len(source_text("x" * 100_000)) == SOURCE_CHARS_MAX


def test_numbers_and_truths_are_sent_as_such() -> None:
    assert framed_json({"a": 1, "b": True, "c": ["x"]}) == '{"a": 1, "b": true, "c": "[\\"x\\"]"}'


def test_the_most_that_a_question_costs_covers_all_its_bytes() -> None:
    data: JsonObject = {"company": "<é🎉>" * 50}
    sent = len(body_of(task(), data, word=WORD))
    price = TokenPrice(
        read_microcredits=1_000_000,
        written_microcredits=0,
        prompt_bytes=fixed_bytes(task()),
    )

    # Within the body the line is escaped once more, which is no text of the prompt.
    assert price.most(data) >= sent - body_of(task(), data, word=WORD).count(b"\\")
