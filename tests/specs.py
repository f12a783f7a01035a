"""Provider files for tests, short ones that say only what the test is about."""

from datetime import UTC, datetime

from enrich.domain.outcome import Found, Outcome
from enrich.domain.values import Json, JsonObject
from providers.exchange import Reply
from providers.spec import HttpSpec, load_text
from providers.spec.reading import Asked, read

__all__ = ["AT", "BASE", "FIELDS", "outcome_of", "reply", "spec_of", "text_of_spec", "values_in"]

AT = datetime(2026, 1, 1, tzinfo=UTC)
BASE = "https://api.example.com"
FIELDS = 'company_name = { path = "name", prior = 0.9 }'
_REQUEST = '[[request]]\npath = "/c/{domain}"'


def text_of_spec(
    *,
    top: str = "",
    request: str = _REQUEST,
    more: str = "",
    response: str = "",
    fields: str = FIELDS,
    base_url: str = BASE,
) -> str:
    """Give a file's text: a provider that knows a company by its domain."""
    return f"""
name = "acme"
title = "Acme"
tier = "cheap"
licence = "none"
source = "made up"
data_class = "company"
base_url = "{base_url}"
inputs = [["domain"]]
optional_inputs = ["company_name", "city", "phone", "employees"]
{top}
{request}
{more}
[response]
{response}
[response.fields]
{fields}
"""


def spec_of(
    *,
    top: str = "",
    request: str = _REQUEST,
    more: str = "",
    response: str = "",
    fields: str = FIELDS,
    base_url: str = BASE,
) -> HttpSpec:
    """Read such a file."""
    return load_text(
        text_of_spec(
            top=top,
            request=request,
            more=more,
            response=response,
            fields=fields,
            base_url=base_url,
        )
    )


def reply(body: str = "", *, status: int = 200, **headers: str) -> Reply:
    """Build a reply; underscores in names of headers are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=body.encode(), at=AT)


def outcome_of(spec: HttpSpec, answer: Reply, **inputs: Json) -> Outcome:
    """Read a reply to a question about example.com."""
    asked: JsonObject = {"domain": "example.com", **inputs}
    return read(spec, answer, Asked(asked))


def values_in(outcome: Outcome) -> dict[str, Json]:
    """Give what was found; nothing when nothing was."""
    seen = outcome.observations if isinstance(outcome, Found) else {}
    return {name: one.value for name, one in seen.items()}
