"""Lists: sets of values of one type, given as a list or as a text that lists them."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

from enrich.domain.fields import FieldType
from enrich.domain.normalise.model import (
    DIFFERENT,
    SAME,
    Likeness,
    Normalised,
    Normaliser,
    Relation,
    alike,
)
from enrich.domain.normalise.remembering import remembering
from enrich.domain.normalise.text import canonical, in_one_line, is_placeholder, tidy
from enrich.domain.values import Json

__all__ = ["ListNormaliser", "split_items"]

_ITEMS = re.compile(r"\s*[;|•]\s*")
#: An item that lists items that list items: nobody writes more.
_MOST_TIMES = 8
_COMMAS = re.compile(r"\s*,\s*")


def split_items(text: str) -> list[str]:
    """Split a text into items: by «;» or «|», and only without those by commas."""
    parts = [part for part in _ITEMS.split(text) if part]
    return parts if len(parts) > 1 else [p for part in parts for p in _COMMAS.split(part) if p]


class ListNormaliser:
    """Normalise lists item by item; order and repetition make no difference."""

    def __init__(
        self, kind: FieldType, item: Normaliser, split: Callable[[str], list[str]]
    ) -> None:
        self._type, self._item, self._split = kind, item, split
        self._of_text = remembering(self._normalise_text)

    @property
    def type(self) -> FieldType:
        """The kind of value that it reads."""
        return self._type

    def normalise(self, value: Json) -> Normalised:
        """Give the list's three forms: text stays text, its items parted by «; »."""
        if isinstance(value, str):
            return self._of_text(value)
        if isinstance(value, dict) and value:
            return Normalised(canonical(value), value, value, problem="holds several values")
        items: list[Json] = value if isinstance(value, list) else [value]
        return self._join(items, value)

    def same(self, first: Json, second: Json) -> bool:
        """Say whether two lists hold the same items."""
        return self.normalise(first).canonical == self.normalise(second).canonical

    def compare(self, first: Json, second: Json) -> Likeness:
        """Compare as sets: one may be part of the other; near when most items are shared."""
        one, other = (self._set(value) for value in (first, second))
        if one == other:
            return SAME
        if not one or not other:
            return DIFFERENT
        share = len(one & other) / len(one | other)
        if one < other:
            return Likeness(Relation.FIRST_WITHIN_SECOND, share)
        if other < one:
            return Likeness(Relation.SECOND_WITHIN_FIRST, share)
        return alike(share, near=0.75)

    def _set(self, value: Json) -> frozenset[str]:
        text = self.normalise(value).canonical
        return frozenset(json.loads(text)) if text else frozenset()

    def _normalise_text(self, text: str) -> Normalised:
        read = self._read_line(tidy(in_one_line(text, "; ")))
        # What an item is read as may list something itself: «a, b; a, b» is a and b.
        for _ in range(_MOST_TIMES):
            if read.is_empty or read.display == read.raw:
                break
            read = self._read_line(str(read.display))
        return replace(read, raw=text)

    def _read_line(self, line: str) -> Normalised:
        if is_placeholder(line):
            return Normalised("", None, line, is_empty=True)
        joined = self._join(list(self._split(line)), line)
        if joined.is_empty:  # what parts names may be one, such as «Y»
            joined = self._join([line], line)
        if joined.is_empty:
            return joined
        return Normalised(joined.canonical, _as_text(joined.display), line, joined.problem)

    def _join(self, items: list[Json], raw: Json) -> Normalised:
        read = [self._item.normalise(_bare(item)) for item in items]
        by_form = {one.canonical: one.display for one in reversed(read) if not one.is_empty}
        if not by_form:
            return Normalised("", None, raw, is_empty=True)
        shown: list[Json] = [by_form[form] for form in dict.fromkeys(r.canonical for r in read)
                             if form in by_form]  # fmt: skip
        problem = next((one.problem for one in read if one.problem), "")
        whole = json.dumps(sorted(by_form), ensure_ascii=False)
        return Normalised(whole, shown if isinstance(raw, list) else _first(shown), raw, problem)


def _bare(item: Json) -> Json:
    """Give an item that is itself a list or an object by its text: it is compared whole."""
    return canonical(item) if isinstance(item, list | dict) else item


def _first(shown: list[Json]) -> Json:
    return shown if len(shown) > 1 else shown[0]


def _as_text(display: Json) -> Json:
    items = display if isinstance(display, list) else [display]
    return "; ".join(str(item) for item in items)
