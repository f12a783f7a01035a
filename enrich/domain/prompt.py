"""Columns that a language model fills: what it is asked about a row, and in which form it answers.

A prompt names columns in braces: `{company_name}` is needed, `{description?}` is sent along when
the row has it, `{{` and `}}` are braces. The values themselves never become part of the prompt.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enrich.errors import BadInputError

__all__ = ["PROMPT_CHARS_MAX", "Hole", "Prompt", "check_order", "holes_of", "parsed"]

PROMPT_CHARS_MAX = 8_000
_MARK = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Hole:
    """A column that a prompt names."""

    key: str
    is_needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a language model is asked for the cells of a column.

    Attributes:
        schema: the JSON Schema of an answer's value, as JSON text.
        evidence: keys of the columns whose text counts as a source; empty: all that it names.
        model: by the provider's name for it; empty: the one of the settings.
        max_cost_microcredits: a cell that might cost more is not asked about.
    """

    text: str
    schema: str
    evidence: tuple[str, ...] = ()
    model: str = ""
    max_cost_microcredits: int | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the columns in which what an answer quotes is looked for."""
        return self.evidence or tuple(hole.key for hole in holes_of(self.text))


def parsed(text: str) -> tuple[str | Hole, ...]:
    """Take a prompt apart into text and the columns that it names.

    Raises:
        BadInputError: a brace stands alone, or there is nothing between two.
    """
    if not text.strip() or len(text) > PROMPT_CHARS_MAX:
        raise BadInputError("prompt", f"must have 1 to {PROMPT_CHARS_MAX} characters")
    parts: list[str | Hole] = []
    start = 0
    for mark in _MARK.finditer(text):
        parts += [text[start : mark.start()], _meant(mark)]
        start = mark.end()
    return tuple(part for part in (*parts, text[start:]) if part != "")


def holes_of(text: str) -> tuple[Hole, ...]:
    """Give the columns that a prompt names, each once; needed if it is anywhere."""
    named: dict[str, Hole] = {}
    for part in parsed(text):
        if isinstance(part, Hole):
            known = named.get(part.key)
            named[part.key] = Hole(part.key, part.is_needed or bool(known and known.is_needed))
    return tuple(named.values())


def check_order(prompts: Mapping[str, Sequence[str]]) -> None:
    """See to it that no column waits for itself; `prompts` are the columns that each one names.

    Raises:
        BadInputError: some do, in a circle.
    """
    for start in sorted(prompts):
        if (circle := _circle(start, prompts)) is not None:
            way = " ► ".join(circle)
            raise BadInputError(
                "prompt", f"these columns wait for each other: {way}", hint="take one reference out"
            )


def _circle(start: str, prompts: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """Find a way along references that leads back to the start."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for key in prompts.get(way[-1], ()):
            if key == start:
                return (*way, key)
            if key not in seen:
                seen.add(key)
                ways.append((*way, key))
    return None


def _meant(mark: re.Match[str]) -> str | Hole:
    if mark[0] in {"{{", "}}"}:
        return mark[0][0]
    if mark[1] is None:
        raise BadInputError(
            "prompt",
            f"the brace at character {mark.start() + 1} stands alone",
            hint=f"write {mark[0] * 2} for a brace, {{column}} for a column",
        )
    key = mark[1].strip().removesuffix("?").strip()
    if not key:
        raise BadInputError("prompt", "two braces hold no column", hint="write {column}")
    return Hole(key, is_needed=not mark[1].strip().endswith("?"))
