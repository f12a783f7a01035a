"""How a provider is asked, as its file says: parts of `providers/catalogue/*.toml`.

Everything is compiled while it is read, so that a fault in a template or an expression is a fault
of the file, with a line, and never one of a call.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from providers.spec.parts import (
    AnyJson,
    FieldName,
    HeaderTemplates,
    Jmes,
    JsonBody,
    Kind,
    Name,
    Part,
    Question,
    Templates,
    Text,
    TextTemplate,
)

__all__ = [
    "Auth",
    "Bulk",
    "BulkExample",
    "BulkRow",
    "Deferred",
    "HeaderName",
    "Keep",
    "Limit",
    "Price",
    "Request",
    "Retry",
    "Seconds",
    "Timeouts",
]

Seconds = Annotated[float, Field(gt=0, le=3600)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
UrlPath = Annotated[TextTemplate, Field(description="begins with / and stands behind base_url")]


class Price(Part):
    """What an answer costs, and when: a hit is a record that came whole, also one we cannot use.

    Where the provider charges nothing for some of its records, a rule of `outcomes` says not_found.

    `spent_header` names the header in which the provider says how many of its own units a call
    took; the price is then for one unit.
    """

    credits: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    charge: Literal["on_hit", "on_call"] = "on_hit"
    spent_header: HeaderName | None = None


class Auth(Part):
    """How a request shows who asks; `credential` is the name under which the key is kept.

    basic takes `user:password` (or a user alone), oauth2 `client_id:client_secret`.
    """

    kind: Literal["none", "header", "bearer", "basic", "query", "oauth2"] = "none"
    credential: Name | None = None
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    prefix: Annotated[str, Field(max_length=32)] = ""
    optional: bool = False
    token_url: Annotated[str, Field(pattern=r"^https://")] | None = None
    scope: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind in {"header", "query"} and not self.name:
            raise ValueError(f"kind {self.kind!r} needs the name that the key goes under")
        if (self.kind == "oauth2") != (self.token_url is not None):
            raise ValueError("token_url goes with kind 'oauth2', and only with it")
        return self


class Limit(Part):
    """At most `count` calls in any `per_s` seconds; of one key, address or account."""

    count: Annotated[int, Field(ge=1)]
    per_s: Annotated[float, Field(gt=0)]
    of: Literal["key", "ip", "account"] = "key"


class Timeouts(Part):
    """How long a call may take; `total_s` holds however slowly an answer drips in."""

    connect_s: Seconds = 2.0
    read_s: Seconds = 5.0
    total_s: Seconds = 10.0


class Retry(Part):
    """What is tried again at once, within the call's time: connections that never came about,
    and with `unavailable` answers that failed, for requests that may be repeated."""

    attempts: Annotated[int, Field(ge=0, le=3)] = 1
    on: Literal["connect", "unavailable"] = "connect"
    pause_s: Annotated[float, Field(ge=0, le=5)] = 0.2


class Keep(Part):
    """How long answers are kept; unset means the settings' times."""

    found_s: Annotated[int, Field(ge=0)] | None = None
    not_found_s: Annotated[int, Field(ge=0)] | None = None


class Request(Part):
    """One way to ask; used for a row that has all it `needs`. Templates see the row's inputs."""

    needs: tuple[FieldName, ...] = ()
    method: Literal["GET", "POST"] = "GET"
    path: UrlPath
    query: Templates = Field(default_factory=dict)
    headers: HeaderTemplates = Field(default_factory=dict)
    body_json: JsonBody | None = Field(default=None, alias="json")
    form: Templates | None = None

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if self.body_json is not None and self.form is not None:
            raise ValueError("a request has one body: json or form")
        if self.method == "GET" and (self.body_json is not None or self.form is not None):
            raise ValueError("a GET has no body; write method = 'POST'")
        return self


class BulkRow(Part):
    """One row that a call asks about among others, and what it must get."""

    inputs: dict[FieldName, AnyJson] = Field(min_length=1)
    outcome: Kind
    values: dict[FieldName, AnyJson] | None = None
    confidence: dict[FieldName, float] | None = None


class BulkExample(Part):
    """A reply about several rows, and what each of them must get."""

    name: Text
    sends: str | None = None
    status: int = 200
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    rows: Annotated[tuple[BulkRow, ...], Field(min_length=2)]


class Bulk(Request):
    """How many rows are asked about in one call.

    `item` is one row's question. It stands in the list at `into` (a dotted place in the JSON body;
    empty: the body is the list), or, with `join`, in the one parameter that `into` names.
    Answers lie at `answers`; each is matched by its place, or by what is at `answer_key`, which
    must equal the question's `key`; where no answer has a key that was asked, all are malformed. A
    row without an answer was not found; with `missing = "malformed"`, of a provider that answers
    every question, nobody knows.
    """

    size: Annotated[int, Field(ge=2, le=1000)]
    item: Question
    into: str = ""
    join: Annotated[str, Field(max_length=3)] | None = None
    answers: Jmes
    match: Literal["position", "key"] = "key"
    key: TextTemplate | None = None
    answer_key: Jmes | None = None
    status: Jmes | None = None
    record: Jmes | None = None
    missing: Literal["not_found", "malformed"] = "not_found"
    example: tuple[BulkExample, ...] = ()

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if self.match == "key" and self.answer_key is None:
            raise ValueError("match = 'key' needs answer_key, the place of the echo in an answer")
        if self.join is not None and not self.into:
            raise ValueError("join needs into, the parameter that holds the joined questions")
        return self


class Deferred(Part):
    """How a question that is still worked on gets its answer.

    It is asked for by its token, `{$token}`; or, in mode "webhook", the provider sends it to the
    address that the question told, `{$callback}`, within `wait_s`. Who could do both is asked,
    unless `ENRICH_CALLBACKS__PROVIDERS` names it.
    """

    mode: Literal["poll", "webhook"] = "poll"
    poll: Request | None = None
    retry_s: Seconds = 5.0
    wait_s: Seconds = 600.0

    @model_validator(mode="after")
    def _gets_an_answer(self) -> Self:
        if self.mode == "poll" and self.poll is None:
            raise ValueError("add [deferred.poll] to ask by, or mode = 'webhook'")
        return self
