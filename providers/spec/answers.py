"""How a provider's answers are read, as its file says: parts of `providers/catalogue/*.toml`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from enrich.domain.outcome import OutcomeKind
from providers.spec.model import HeaderName, Seconds
from providers.spec.parts import AnyJson, FieldName, Jmes, Kind, Moment, Part, Statuses, Text

__all__ = [
    "Confidence",
    "Echo",
    "Example",
    "Extract",
    "Mapped",
    "Response",
    "Rule",
    "ValueType",
]

ValueType = Literal[
    "text", "integer", "number", "year", "date", "url", "domain", "email", "phone", "flag", "list",
    "country_code", "code",
]  # fmt: skip

#: What is said of one row: in a reply about many, a condition for it is one on each entry.
_OF_A_ROW = frozenset({OutcomeKind.NOT_FOUND, OutcomeKind.INVALID_INPUT, OutcomeKind.MALFORMED})


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
    must hold. The first rule that holds speaks; then the table of statuses does.

    A good reply about many rows is judged as a whole, then each of its entries is; `when` sees the
    one, then the other. A rule with `when` that says not_found, invalid_input or malformed is about
    entries alone; `scope` says otherwise: "reply" is the whole alone, "entry" entries alone.
    """

    status: Statuses = ()
    when: Jmes | None = None
    header: HeaderTest | None = None
    outcome: Kind
    reason: Text = ""
    retry_at: tuple[Moment, ...] = ()
    retry_s: Seconds | None = None
    reset_at: tuple[Moment, ...] = ()
    token: Extract | None = None
    scope: Literal["reply", "entry"] | None = None

    def is_of(self, part: Literal["one", "reply", "entry"], status: int) -> bool:
        """Say whether it is a rule for an answer to one, a reply about many, or its entries."""
        if part == "one":
            return True
        if self.scope is not None:
            return self.scope == part
        is_of_rows = self.when is not None and self.outcome in _OF_A_ROW
        return part == "entry" or not (is_of_rows and 200 <= status <= 299)

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
    prior: Annotated[float, Field(gt=0, lt=1)]
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
