"""Prompts of columns: how they are read, and which are refused."""

import pytest

from enrich.domain.answer_form import ANSWERS, checked_schema, has_form, schema_of
from enrich.domain.prompt import Hole, Prompt, holes_of, parsed
from enrich.domain.table import Column
from enrich.engine.prompts import PromptWish, declare_prompt, prompt_of
from enrich.errors import BadInputError, EnrichError
from enrich.ports import NewRow
from enrich.store.memory import MemoryRowStore

TABLE = (
    Column(key="company", field="company_name"),
    Column(key="about", field="about", position=1),
)


@pytest.fixture
def rows() -> MemoryRowStore:
    """A table of companies with a text about each."""
    store = MemoryRowStore()
    store.save_columns("default", "t", TABLE)
    store.import_rows("default", "t", [NewRow(key="1", data={"company": "Acme"})])
    return store


def test_a_prompt_is_text_with_columns_in_it() -> None:
    assert parsed("Is {a} {{big}} or {b?}") == (
        "Is ",
        Hole("a"),
        " ",
        "{",
        "big",
        "}",
        " or ",
        Hole("b", is_needed=False),
    )


def test_a_column_that_is_needed_once_is_needed() -> None:
    assert holes_of("{a?} {a} {b?} {b?}") == (Hole("a"), Hole("b", is_needed=False))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Sector of {company", r"the brace at character 11 stands alone; write \{\{"),
        ("Sector of company}", r"the brace at character 18 stands alone; write \}\}"),
        ("Sector of {{company}", "the brace at character 20 stands alone"),
        ("Sector of {}", r"two braces hold no column; write \{column\}"),
        ("Sector of {?}", "two braces hold no column"),
        ("  ", "must have 1 to 8000 characters"),
        ("x" * 8001, "must have 1 to 8000 characters"),
        ("Say something", "names no column, so it would ask the same of every row"),
        ("Sector of {compny}", "no column 'compny' in the prompt; did you mean 'company'"),
        ("Sector of {company} and {sector}", "wait for each other: sector ► sector"),
    ],
    ids=["open", "close", "half", "empty", "mark", "blank", "long", "bare", "unknown", "itself"],
)
def test_a_prompt_that_cannot_be_asked_is_refused_in_a_sentence(
    rows: MemoryRowStore, text: str, said: str
) -> None:
    with pytest.raises(EnrichError, match=said) as caught:
        declare_prompt(rows, "default", "t", "sector", PromptWish(text=text))

    assert "\n" not in str(caught.value)
    assert len(rows.table("default", "t").columns) == len(TABLE)


def test_columns_that_wait_for_each_other_are_refused(rows: MemoryRowStore) -> None:
    rows.save_columns("default", "t", [Column(key="b", field="b", position=2)])
    declare_prompt(rows, "default", "t", "a", PromptWish(text="{b}"))
    declare_prompt(rows, "default", "t", "c", PromptWish(text="{a}"))

    with pytest.raises(BadInputError, match="a ► b ► c ► a; take one"):
        declare_prompt(rows, "default", "t", "b", PromptWish(text="{c}"))


def test_a_field_has_one_column_that_a_model_fills(rows: MemoryRowStore) -> None:
    declare_prompt(rows, "default", "t", "a", PromptWish(text="{about}"), field="industry")

    with pytest.raises(BadInputError, match="a model fills 'industry' in column 'a' already"):
        declare_prompt(rows, "default", "t", "b", PromptWish(text="{about}"), field="industry")


def test_evidence_is_a_column_that_the_prompt_names(rows: MemoryRowStore) -> None:
    wish = PromptWish(text="{company}", evidence=["about"])

    with pytest.raises(BadInputError, match="evidence: 'about' is no column that the prompt names"):
        declare_prompt(rows, "default", "t", "a", wish)


def test_a_changed_prompt_keeps_what_is_not_said_anew() -> None:
    first = prompt_of(PromptWish(text="{a}", choices=["x", "y"], model="small", max_cost=0.5))
    second = prompt_of(PromptWish(text="{b}"), first)

    assert second == Prompt(
        text="{b}", schema=first.schema, model="small", max_cost_microcredits=500_000
    )


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (PromptWish(text="{a}", answer="poem"), "answer: 'poem' is none of text, number"),
        (PromptWish(text="{a}", choices=["x", "x"]), "choices: must be 1 to 200 different texts"),
        (PromptWish(text="{a}", schema="{"), "schema: is not JSON"),
        (PromptWish(text="{a}", schema='{"type": "poem"}'), "is no JSON Schema .at type"),
        (PromptWish(text="{a}", schema="true"), "schema: must be an object"),
        (
            PromptWish(text="{a}", schema='{"$ref": "http://169.254.169.254/"}'),
            "must not refer to other schemas",
        ),
        (PromptWish(text="{a}", max_cost=-1), "max_cost: must be a number of credits"),
        (PromptWish(text="{a}", model="a\nb"), "model: must be at most 200 printable"),
    ],
    ids=["form", "choices", "text", "type", "no object", "reference", "cost", "model"],
)
def test_a_wish_that_cannot_be_is_refused(wish: PromptWish, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        prompt_of(wish)


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("text", "x", ""),
        ("number", 1.5, "1.5"),
        ("integer", 3, 3.5),
        ("boolean", False, 0),
        ("url", "https://a.example/x", "javascript:alert(1)"),
        ("list", ["a"], []),
    ],
)
def test_a_form_takes_its_values_and_no_others(form: str, good: object, bad: object) -> None:
    assert has_form(ANSWERS[form], good)  # type: ignore[arg-type] # any JSON
    assert not has_form(ANSWERS[form], bad)  # type: ignore[arg-type] # any JSON


def test_choices_are_a_closed_form() -> None:
    assert schema_of(choices=["é", "b"]) == '{"type": "string", "enum": ["é", "b"]}'
    assert checked_schema('{ "type": "integer" }') == '{"type":"integer"}'
