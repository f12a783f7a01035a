"""What a provider's file says, as values: the parts of `providers/catalogue/*.toml`.

Everything is compiled while it is read, so that a fault in a template or an expression is a fault
of the file, with a line, and never one of a call.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from enrich.domain.outcome import OutcomeKind
from providers.spec.parts import (
    AnyJson,
    FieldName,
    HeaderTemplates,
    Jmes,
    JsonBody,
    Moment,
    Name,
    Part,
    Question,
    Statuses,
    Templates,
    Text,
    TextTemplate,
)

__all__ = [
    "Auth",
    "Bulk",
    "Confidence",
    "Deferred",
    "Echo",
    "Example",
    "Keep",
    "Limit",
    "Mapped",
    "Price",
    "Request",
    "Response",
    "Retry",
    "Rule",
    "Timeouts",
    "ValueType",
]

Seconds = Annotated[float, Field(gt=0, le=3600)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Share = Annotated[float, Field(gt=0, lt=1)]
UrlPath = Annotated[TextTemplate, Field(description="begins with / and stands behind base_url")]

ValueType = Literal[
    "text", "integer", "number", "year", "date", "url", "domain", "email", "phone", "flag", "list",
    "country_code", "code",
]  # fmt: skip


def _asked(kind: OutcomeKind) -> OutcomeKind:
    if kind is OutcomeKind.SKIPPED:
        raise ValueError("'skipped' means that we did not ask; a reply cannot say so")
    return kind


Kind = Annotated[OutcomeKind, AfterValidator(_asked)]


class Price(Part):
    """What an answer costs, and when.

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


class Bulk(Request):
    """How many rows are asked about in one call.

    `item` is one row's question. It stands in the list at `into` (a dotted place in the JSON body;
    empty: the body is the list), or, with `join`, in the one parameter that `into` names.
    Answers lie at `answers`; each is matched by its place, or by what is at `answer_key`, which
    must equal the question's `key`. A row without an answer was not found; with
    `missing = "malformed"`, of a provider that answers every question, nobody knows.
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

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if self.match == "key" and self.answer_key is None:
            raise ValueError("match = 'key' needs answer_key, the place of the echo in an answer")
        if self.join is not None and not self.into:
            raise ValueError("join needs into, the parameter that holds the joined questions")
        return self


class HeaderTest(Part):
    """A header that must be there, and what it must hold, case aside."""

    name: HeaderName
    equals: str | None = None


class Extract(Part):
    """The token of a question that is still worked on: from the body or a header.

    With `last_segment` it is the last part of an address.
    """

    body: Jmes | None = None
    header: HeaderName | None = None
    last_segment: bool = False


class Rule(Part):
    """What a reply means when its status, its body and its headers are such; all that is given
    must hold. The first rule that holds speaks; then the table of statuses does."""

    status: Statuses = ()
    when: Jmes | None = None
    header: HeaderTest | None = None
    outcome: Kind
    reason: Text = ""
    retry_at: tuple[Moment, ...] = ()
    retry_s: Seconds | None = None
    reset_at: tuple[Moment, ...] = ()
    token: Extract | None = None

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.status and self.when is None and self.header is None:
            raise ValueError("a rule needs a status, a condition (when) or a header to hold for")
        return self


class Confidence(Part):
    """How sure the provider says it is: a number divided by `scale`, clamped to 0 and 1.

    Where it says nothing, or no number, `missing` stands.
    """

    path: Jmes
    scale: Annotated[float, Field(gt=0)] = 1.0
    missing: Annotated[float, Field(ge=0, le=1)] = 1.0


class Mapped(Part):
    """Where a field's value lies in the record, its type, and how far it is to be trusted.

    Attributes:
        prior: confidence of a value, before what the provider says of its own.
        values: the provider's word to ours; a word that it lacks is no value.
        wrong: what a value of a wrong type makes: nothing, or the whole answer malformed.
        within: `min` and `max` of a number.
    """

    path: Jmes
    type: ValueType = "text"
    prior: Share
    confidence: Confidence | None = None
    values: dict[str, AnyJson] | None = None
    wrong: Literal["drop", "malformed"] = "drop"
    max_chars: Annotated[int, Field(ge=1, le=100_000)] | None = None
    min: float | None = None
    max: float | None = None


class Echo(Part):
    """The part of an answer that repeats what was asked: another's answer is malformed.

    It is compared only when the row had the input; letters and digits count, case does not.
    """

    input: FieldName
    path: Jmes
    type: Literal["text", "domain", "digits"] = "text"
    required: bool = False


class Response(Part):
    """How an answer is read: where the record lies, its fields, its confidence, its echo."""

    record: Jmes | None = None
    content_types: tuple[str, ...] = ("application/json",)
    empty: Literal["not_found", "malformed"] = "not_found"
    fields: dict[FieldName, Mapped] = Field(min_length=1)
    confidence: Confidence | None = None
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    echo: tuple[Echo, ...] = ()


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


class Example(Part):
    """A reply of this provider and what it must become: a test that travels with the file.

    `retry_s` is in how many seconds it wants to be asked again, by its own word.
    """

    name: Text
    inputs: dict[FieldName, AnyJson] = Field(default_factory=dict)
    sends: str | None = None
    status: int = 200
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    outcome: Kind
    values: dict[FieldName, AnyJson] | None = None
    confidence: dict[FieldName, float] | None = None
    retry_s: Annotated[float, Field(ge=0)] | None = None
