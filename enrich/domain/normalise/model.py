"""What normalising gives: three forms of a value kept apart, and how alike two values are."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from enrich.domain.fields import FieldType
from enrich.domain.normalise.remembering import remembering
from enrich.domain.normalise.text import canonical, in_one_line, is_placeholder, unescaped
from enrich.domain.values import Json

__all__ = [
    "DIFFERENT",
    "SAME",
    "Compare",
    "Context",
    "Form",
    "Likeness",
    "Normalised",
    "Normaliser",
    "Read",
    "Relation",
    "TypedNormaliser",
    "Unreadable",
    "alike",
]


@dataclass(frozen=True, slots=True)
class Normalised:
    """One value in three forms.

    `canonical` is equal for values that mean the same and serves no other purpose; `display` is how
    to write the value; `raw` is what was given. `problem` says in a few words why the value cannot
    be read as its type (then the first two are those of plain text); `is_empty`, that it stands for
    no value at all, such as «n/a».
    """

    canonical: str
    display: Json
    raw: Json
    problem: str = ""
    is_empty: bool = False


class Relation(StrEnum):
    """How two values of a field stand to each other."""

    SAME = "same"
    NEAR = "near"
    FIRST_WITHIN_SECOND = "first_within_second"
    SECOND_WITHIN_FIRST = "second_within_first"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two values are: `similarity` within 0 and 1, 1 for the same."""

    relation: Relation
    similarity: float


@dataclass(frozen=True, slots=True)
class Context:
    """What else is known when a value is read; each part may be missing.

    Attributes:
        region: two letters of the country whose rules national telephone numbers follow.
        year: what a date without one belongs to.
        day_first: «03/04/2021» is in April; None: unreadable unless only one reading exists.
        decimal_comma: «1.234» is a thousand and more; otherwise one and a bit.
        currency: three letters of what money without a currency is in.
    """

    region: str = ""
    year: int | None = None
    day_first: bool | None = None
    decimal_comma: bool = False
    currency: str = ""


class Normaliser(Protocol):
    """The normal forms of one kind of value. It never raises, whatever the value is."""

    @property
    def type(self) -> FieldType:
        """The kind of value that it reads."""
        ...

    def normalise(self, value: Json) -> Normalised:
        """Give the value's three forms. Normalising a display form changes nothing."""
        ...

    def same(self, first: Json, second: Json) -> bool:
        """Say whether two values mean the same: an equivalence, by their canonical forms."""
        ...

    def compare(self, first: Json, second: Json) -> Likeness:
        """Say how alike two values are, and whether one is within the other."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """A text that could be read: how it is compared, and how it is written."""

    canonical: str
    display: Json


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A text that could not be read, and why, in a few words."""

    problem: str


#: The two ends of likeness.
SAME = Likeness(Relation.SAME, 1.0)
DIFFERENT = Likeness(Relation.DIFFERENT, 0.0)

Read = Callable[[str], Form | Unreadable]
Compare = Callable[[Normalised, Normalised], Likeness]


def alike(similarity: float, *, near: float) -> Likeness:
    """Judge a similarity: near from `near` on, else different."""
    relation = Relation.NEAR if similarity >= near else Relation.DIFFERENT
    return Likeness(relation, similarity)


#: An address of several lines is one with commas between.
_BETWEEN_LINES = dict.fromkeys((FieldType.PLACE, FieldType.CITY, FieldType.REGION), ", ")


class TypedNormaliser:
    """A normaliser made of a function that reads a text and one that compares what was read."""

    def __init__(self, kind: FieldType, read: Read, compare: Compare) -> None:
        self._type, self._read, self._compare = kind, read, compare
        self._of_text = remembering(self._normalise_text)

    @property
    def type(self) -> FieldType:
        """The kind of value that it reads."""
        return self._type

    def normalise(self, value: Json) -> Normalised:
        """Give the value's three forms."""
        if isinstance(value, str):
            return self._of_text(value)
        return self._normalise_other(value)

    def same(self, first: Json, second: Json) -> bool:
        """Say whether two values mean the same."""
        return self.normalise(first).canonical == self.normalise(second).canonical

    def compare(self, first: Json, second: Json) -> Likeness:
        """Say how alike two values are."""
        one, other = self.normalise(first), self.normalise(second)
        if one.canonical == other.canonical:
            return SAME
        if one.problem or other.problem or one.is_empty or other.is_empty:
            return DIFFERENT
        return self._compare(one, other)

    def _normalise_text(self, text: str) -> Normalised:
        # Composed before it is read: capitals of some letters tell apart how they were composed.
        composed = text if text.isascii() else unicodedata.normalize("NFC", text)
        stripped = in_one_line(composed, _BETWEEN_LINES.get(self._type, " "))
        # In a web address «&copy» is a parameter; elsewhere it is left over from a page.
        if "&" in stripped and self._type is not FieldType.URL:
            stripped = in_one_line(unescaped(stripped), _BETWEEN_LINES.get(self._type, " "))
        if is_placeholder(stripped):
            return Normalised("", None, text, is_empty=True)
        read = self._read(stripped)
        if isinstance(read, Unreadable):
            return Normalised(_as_text(stripped), stripped, text, problem=read.problem)
        return Normalised(read.canonical, read.display, text)

    def _normalise_other(self, value: Json) -> Normalised:
        """Read a number by its text, keeping its own type where the text says no more."""
        if value is None or value in ([], {}):
            return Normalised("", None, value, is_empty=True)
        if isinstance(value, list | dict):
            return Normalised(canonical(value), value, value, problem="holds several values")
        read = self._of_text(canonical(value))
        display = value if read.display == canonical(value) else read.display
        return Normalised(read.canonical, display, value, problem=read.problem)


def _as_text(text: str) -> str:
    """Give the canonical form of what could not be read: never that of what could."""
    return f"?{canonical(text)}"
