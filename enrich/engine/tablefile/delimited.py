"""Rows of a file whose fields are separated by a character, with the line that each begins on."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from enrich.engine.tablefile.source import TextLines
from enrich.errors import BadFileError, BadInputError

__all__ = ["DELIMITERS", "delimited_records", "separator_of"]

DELIMITERS = (",", ";", "\t", "|")

_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_SAMPLE_LINES = 50
#: What `csv` refuses by default; set by nobody here, because it is one for the whole process.
_FIELD_CHARS = 131_072


def delimited_records(
    lines: TextLines, *, delimiter: str | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Give each record with the line it begins on; lines without anything are left out.

    The delimiter is found in the first lines when it is not given. Raises `BadFileError`: an
    unclosed quote, a quote in the wrong place, a field that is too long.
    """
    sample = list(islice(lines, _SAMPLE_LINES))
    separator = separator_of(delimiter) if delimiter else _found_delimiter(sample)
    feed = _Feed(chain(sample, lines), lines=lines)
    reader = csv.reader(feed, delimiter=separator, strict=True)
    while True:
        feed.begin_record()
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            raise feed.error(exc, separator) from exc
        if record:
            yield feed.first_line, record


class _Feed:
    """Hands lines to the reader and remembers those of the record that is being read."""

    def __init__(self, source: Iterable[str], *, lines: TextLines) -> None:
        self._source = iter(source)
        self._lines = lines
        self._taken: list[str] = []
        self._count = 0
        self.first_line = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._source)
        self._count += 1
        self._taken.append(line)
        return line

    def begin_record(self) -> None:
        """Forget the lines of the record before."""
        self.first_line = self._count + 1
        self._taken.clear()

    def error(self, exc: csv.Error, delimiter: str) -> BadFileError:
        """Say in our words, and with the right line, what the reader found."""
        name = self._lines.name
        opened = self.first_line + _opening_line(self._taken, delimiter)
        if "field larger" in str(exc):
            hint = "a quote that is never closed?" if len(self._taken) > 1 else ""
            problem = f"holds a field of more than {_FIELD_CHARS} characters"
            return BadFileError(name, problem, line=opened, hint=hint)
        if "unexpected end" in str(exc):
            return BadFileError(name, "opens a quote that is never closed", line=opened)
        problem = "has a quote in the wrong place"
        hint = "a quote inside a quoted field is written twice"
        return BadFileError(name, problem, line=self._count, hint=hint)


def _opening_line(lines: list[str], delimiter: str) -> int:
    """Say on which of a record's lines (from 0) its last quoted field opens."""
    quoted, at_start, opened = False, True, 0
    for number, line in enumerate(lines):
        for char in line:
            if quoted:
                quoted = char != '"'
                continue
            # A doubled quote closes and opens again at once, on the same line.
            if char == '"':
                opened = number if at_start else opened
                quoted = True
            at_start = char == delimiter
    return opened


def separator_of(delimiter: str) -> str:
    """Give the character that is meant, by itself or by name. Raises `BadInputError`."""
    named = _NAMED.get(delimiter.lower(), delimiter)
    if len(named) != 1 or named in '"\r\n\0 ' or named.isalnum():
        hint = "give one character, or tab, comma, semicolon, pipe"
        raise BadInputError("--delimiter", f"{delimiter!r} cannot separate fields", hint=hint)
    return named


def _found_delimiter(sample: list[str]) -> str:
    """Take the one that gives the most lines the width of the first, and of these the widest."""
    return max(DELIMITERS, key=lambda one: _fit(sample, one))


def _fit(sample: list[str], delimiter: str) -> tuple[bool, float, int]:
    widths = _widths(sample, delimiter)
    if not widths or widths[0] < 2:
        return False, 0.0, 0
    return True, sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _widths(sample: list[str], delimiter: str) -> list[int]:
    widths = []
    try:
        for record in csv.reader(sample, delimiter=delimiter, strict=True):
            if record:
                widths.append(len(record))  # noqa: PERF401 - keeps those before an error
    except csv.Error:
        pass
    return widths
