"""Templates: whatever a row holds, it stays where it was put."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from enrich.domain.values import Json
from providers.spec.asking import request_for
from providers.spec.template import BadValueError, Template, in_header, in_path, plain, render_json
from tests.specs import spec_of

HOSTILE = (
    "@evil.example",
    "#fragment",
    "?a=b&c=d",
    "../../admin",
    "..%2f..%2fadmin",
    "{}",
    "{city}",
    "169.254.169.254",
    "//evil.example/x",
    "https://evil.example",
    "a\r\nX-Injected: 1",
    "a\nb",
    "a\x00b",
    '"}, {"admin": true',
    "\\u0000",
    "%00%0d%0a",
    "ümläut ⓛ",
    ";--",
)
_HOSTILE = pytest.mark.parametrize("value", HOSTILE, ids=[repr(value) for value in HOSTILE])
_PATH = '[[request]]\npath = "/c/{domain}/facts"'
_QUERY = '[[request]]\npath = "/c"\nquery = { q = "{domain}", fixed = "1" }'
_FORM = '[[request]]\nmethod = "POST"\npath = "/c"\nform = { q = "{domain}", fixed = "1" }'
_JSON = '[[request]]\nmethod = "POST"\npath = "/c"\njson = { q = "is {domain}", fixed = [1, "x"] }'
_HEADER = '[[request]]\npath = "/c"\nheaders = { X-Asked = "{domain}" }'


@_HOSTILE
def test_a_value_in_a_path_is_one_segment_of_it(value: str) -> None:
    url = urlsplit(request_for(spec_of(request=_PATH), {"domain": value}).url)

    assert (url.scheme, url.netloc) == ("https", "api.example.com")
    assert url.path.count("/") == 3
    assert url.path.startswith("/c/")
    assert url.path.endswith("/facts")
    assert (url.query, url.fragment) == ("", "")


@_HOSTILE
def test_a_value_in_a_query_is_one_parameter_of_it(value: str) -> None:
    url = urlsplit(request_for(spec_of(request=_QUERY), {"domain": value}).url)
    sent = parse_qsl(url.query, keep_blank_values=True)

    assert (url.netloc, url.path, url.fragment) == ("api.example.com", "/c", "")
    assert [name for name, _ in sent] == ["q", "fixed"]
    assert sent[0][1].split() == " ".join(value.replace("\x00", " ").split()).split()


@_HOSTILE
def test_a_value_in_a_form_is_one_parameter_of_it(value: str) -> None:
    call = request_for(spec_of(request=_FORM), {"domain": value})

    assert [name for name, _ in parse_qsl((call.body or b"").decode())] == ["q", "fixed"]


@_HOSTILE
def test_a_value_in_json_is_one_string_of_it(value: str) -> None:
    call = request_for(spec_of(request=_JSON), {"domain": value})
    sent = json.loads(call.body or b"")

    assert sent.keys() == {"q", "fixed"}
    assert sent["q"].startswith("is ")
    assert sent["fixed"] == [1, "x"]


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\x00b", "a\tb"])
def test_a_value_in_a_header_never_begins_another(value: str) -> None:
    sent = request_for(spec_of(request=_HEADER), {"domain": value}).headers["X-Asked"]

    assert sent.isprintable()


@pytest.mark.parametrize("value", ["ümläut", "ⓛocal", "\u202e"])
def test_what_no_header_can_hold_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(BadValueError, match="domain cannot stand in a header") as caught:
        request_for(spec_of(request=_HEADER), {"domain": value})

    assert value not in str(caught.value)


@pytest.mark.parametrize("value", [".", "..", " .. ", ". "])
@pytest.mark.parametrize("path", ["/c/{domain}", "/c/.{domain}"])
def test_a_segment_of_dots_is_refused(value: str, path: str) -> None:
    request = f'[[request]]\npath = "{path}"'

    with pytest.raises(BadValueError, match="cannot stand in a path"):
        request_for(spec_of(request=request), {"domain": value})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x" * 2001, "is too long"),
        ("\ud800", "is not valid text"),
        ({"a": 1}, "is an object"),
    ],
    ids=["long", "surrogate", "object"],
)
def test_what_is_no_text_is_refused(value: str, problem: str) -> None:
    with pytest.raises(BadValueError, match=problem):
        request_for(spec_of(request=_QUERY), {"domain": value})


def test_what_has_no_value_is_left_out() -> None:
    request = (
        '[[request]]\npath = "/c"\nquery = { q = "{domain}", town = "{city}" }\n'
        'headers = { X-Town = "{city}" }'
    )

    call = request_for(spec_of(request=request), {"domain": "a.example", "city": "  "})

    assert call.url == "https://api.example.com/c?q=a.example"
    assert call.headers.keys() == {"Accept"}


def test_a_path_without_its_value_is_no_path() -> None:
    with pytest.raises(BadValueError, match="lacks what its address is made of"):
        request_for(spec_of(request='[[request]]\npath = "/c/{city}"'), {"domain": "a.example"})


def test_a_number_stays_a_number_in_json_and_empty_parts_are_left_out() -> None:
    template = {
        "size": Template.parse("{employees}"),
        "as_text": Template.parse("{employees|digits}"),
        "place": {"town": Template.parse("{city}")},
        "names": [Template.parse("{company_name}")],
        "meant": {},
    }

    assert render_json(template, {"employees": 12}) == {"size": 12, "as_text": "12", "meant": {}}


@pytest.mark.parametrize(
    ("source", "value", "rendered"),
    [
        ("{x|lower}", "AbC", "abc"),
        ("{x|upper}", "ch", "CH"),
        ("{x|host}", "https://www.acme.com/x", "acme.com"),
        ("{x|host}", "acme.com", "acme.com"),
        ("{x|digits}", "+41 44 668", "4144668"),
        ("{x|pad10}", "320193", "0000320193"),
        (
            "{x|lower|sha256}",
            "A",
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        ),
        ("{x|first_word}", "Ada Example", "Ada"),
        ("{x|last_word}", "Ada Example", "Example"),
        ("{{{x}}}", "a", "{a}"),
        ("{x}", True, "true"),
        ("{x}", ["a", "b"], "a,b"),
    ],
)
def test_filters_change_a_value_before_it_is_escaped(
    source: str, value: Json, rendered: str
) -> None:
    assert Template.parse(source).render({"x": value}, plain) == rendered


def test_a_value_that_a_filter_cannot_take_is_refused() -> None:
    with pytest.raises(BadValueError, match="has not the form"):
        Template.parse("{x|host}").render({"x": "http://["}, plain)


def test_each_place_has_its_own_escape() -> None:
    assert in_path("x", "a/b?c#d e@f") == "a%2Fb%3Fc%23d%20e%40f"
    assert in_header("x", "a b") == "a b"
