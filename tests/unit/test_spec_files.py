"""Providers' files: what they may say, and how a fault in one is told."""

from pathlib import Path

import pytest

from enrich.errors import BadFileError
from providers.spec import (
    CATALOGUE,
    HttpSpec,
    check,
    json_schema,
    load,
    load_catalogue,
    load_text,
    skeleton,
)
from providers.spec.checking import problem_of, without_example
from providers.spec.lines import line_of
from tests.specs import spec_of, text_of_spec

_EACH = pytest.mark.parametrize("spec", load_catalogue(), ids=lambda spec: spec.name)
GLEIF = (CATALOGUE / "gleif.toml").read_text("utf-8")


@_EACH
def test_every_example_of_the_catalogue_becomes_what_its_file_says(spec: HttpSpec) -> None:
    assert check(CATALOGUE / f"{spec.name}.toml") == ()


@_EACH
def test_every_outcome_that_a_file_speaks_of_has_an_example(spec: HttpSpec) -> None:
    assert without_example(spec) == ()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("count = 60", "count = 0", "limits[0].count"),
        ("count = 60", "cuont = 60", "limits[0].cuont: there is no such key; did you mean 'count'"),
        (
            "count = 60",
            "xyz = 60",
            "xyz: there is no such key; there are count, per_s, of",
        ),
        ("city = { path", "city = { paht", "city.paht: there is no such key; did you mean 'path'"),
        ("status = 404", 'status = "4x"', "outcomes[0].status: '4x' is no status"),
        ("{lei|upper}", "{lie|upper}", "mentions {lie}"),
        ("{lei|upper}", "{lei|uper}", "there is no filter 'uper'"),
        ("{lei|upper}", "{lei", "a brace stands alone"),
        ('path = "attributes.lei" }]', 'path = "attributes..lei" }]', 'token "." (DOT)'),
        ('[["lei"], ["company_legal_name"], ["company_name"]]', '["lei"]', 'such as [["email"]]'),
        (
            '"attributes.lei" }]',
            '"form_json(a)" }]',
            "calls form_json(), which",
        ),
        ('tier = "free"', 'tier = "fre"', "tier: must be 'free', 'cheap' or 'premium'"),
        ('guessed = ["limits"]', 'guessed = ["limts"]', "guessed: no limts"),
        ("found_s = 604800", "found_s = ", "is no TOML"),
        ("found_s = 604800", 'found_s = "7 days"', "keep.found_s"),
        ('outcome = "not_found"', 'outcome = "skipped"', "we did not ask"),
        ("city = {", "town = {", "response.fields.town: there is no field 'town'"),
        ('"https://api.gleif.org/api/v1"', '"http://api.gleif.org"', "must be https"),
        ('"https://api.gleif.org/api/v1"', '"https://{lei}.org"', "a host never comes from a row"),
        ("Accept =", "Host =", "Host is set by the client"),
    ],
)
def test_a_fault_is_named_with_its_line(old: str, new: str, problem: str) -> None:
    text = GLEIF.replace(old, new, 1)
    line = next(n for n, each in enumerate(text.splitlines(), 1) if new.splitlines()[0] in each)

    with pytest.raises(BadFileError) as caught:
        load_text(text, path="gleif.toml")

    assert problem in str(caught.value)
    assert caught.value.line == line


def test_a_key_that_is_missing_is_named_at_its_table() -> None:
    text = GLEIF.replace("count = 60\n", "", 1)

    with pytest.raises(BadFileError, match=r"limits\[0\].count: is missing; add it") as caught:
        load_text(text)

    assert text.splitlines()[caught.value.line - 1] == "[[limits]]"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[auth]\nkind = "header"', "needs the name"),
        ('[auth]\nkind = "oauth2"', "token_url"),
        ('[[outcomes]]\noutcome = "gone"', "a rule needs a status"),
        (
            '[[outcomes]]\nstatus = 202\noutcome = "pending"\ntoken = { body = "id" }',
            "nothing asks with it",
        ),
        ('[price]\ncredits = 1\n[retry]\non = "unavailable"', "may pay twice"),
        ("[limits]\ncount = 1\nper_s = 1", "limits"),
    ],
    ids=["no-name", "no-token-url", "empty-rule", "lost-token", "paid-twice", "table-for-list"],
)
def test_what_cannot_be_is_refused(more: str, problem: str) -> None:
    request = '[[request]]\nmethod = "POST"\npath = "/c/{domain}"'

    with pytest.raises(BadFileError, match=problem):
        load_text(text_of_spec(request=request, more=more))


def test_a_provider_that_can_only_call_back_is_refused() -> None:
    more = '[[outcomes]]\nstatus = 202\noutcome = "pending"\n[deferred]\nmode = "webhook"'

    with pytest.raises(
        BadFileError, match=r"nobody tells it where to send its answer; add {\$callback}"
    ):
        spec_of(more=more)


_BULK = '[bulk]\nsize = 2\npath = "/m"\ninto = "d"\njoin = ","\nitem = "{domain}"\nanswers = "@"'


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("[price]\ncredits = 1", "may pay twice"),
        ('[price]\ncredits = 1\ncharge = "on_call"\n[idempotency]\nheader = "K"', "may pay twice"),
        ('[retry]\non = "unavailable"', "keep one of them"),
        (f'{_BULK}\nanswer_key = "d"', "single GETs"),
    ],
    ids=["no-key", "billed-each", "tried-again-anyway", "many-rows"],
)
def test_what_may_not_be_asked_twice_at_once_is_refused(more: str, problem: str) -> None:
    with pytest.raises(BadFileError, match=problem):
        spec_of(top="hedge = true", more=more)


def test_a_row_that_no_request_serves_is_a_fault_of_the_file() -> None:
    request = '[[request]]\nneeds = ["city"]\npath = "/c/{city}"'

    with pytest.raises(BadFileError, match="no request serves a row that has only domain"):
        spec_of(request=request)


def test_a_file_that_is_not_named_like_its_provider_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(skeleton("acme"))

    with pytest.raises(BadFileError, match=r"acme\.toml"):
        load(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_the_parts_of_the_skeleton_that_are_comments_hold_too(tmp_path: Path) -> None:
    path, text = tmp_path / "acme.toml", skeleton("acme")
    start, end = text.index("# [bulk]\n"), text.index("# Work that takes time")
    bulk = text[start:end].replace("\n# ", "\n").removeprefix("# ")

    path.write_text(text[:start] + bulk + text[end:])

    assert check(path) == ()
    assert load(path).bulk is not None


def test_the_short_skeleton_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"

    path.write_text(skeleton("acme", minimal=True))

    assert check(path) == ()
    assert path.read_text().partition("[[example]]")[0].count("\n") <= 20


def test_the_skeleton_loads_and_its_examples_hold() -> None:
    spec = load_text(skeleton("acme"))

    assert [problem_of(spec, example) for example in spec.example] == [""] * 5
    assert without_example(spec) == ()


def test_the_schema_knows_the_keys_as_they_are_written() -> None:
    schema = json_schema()

    assert {"name", "base_url", "request", "bulk", "example"} <= schema["properties"].keys()
    assert {"json", "form"} <= schema["$defs"]["Request"]["properties"].keys()
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("t", "b"), 4),
        (("t", "b", "deep"), 4),
        (("t", "multi"), 5),
        (("t", "after"), 9),
        (("l", 0, "x"), 11),
        (("l", 1, "x"), 13),
        (("l", 1, "sub", "dotted.key"), 15),
        (("none",), 0),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_the_line_of_a_key_is_found(path: tuple[str | int, ...], line: int) -> None:
    text = (
        "a = 1\n# a = 2\n[t]\nb = { deep = 1 }\nmulti = '''\nx = 1\n[not.a.table]\n'''\nafter = 2\n"
        '[[l]]\nx = 1\n[[l]]\nx = 2\n[l.sub]\n"dotted.key" = 3\n'
    )

    assert line_of(text, path) == line
