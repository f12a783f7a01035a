"""A table file: its headers, and its rows as often as they are asked for."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice

from enrich.domain.values import JsonObject
from enrich.engine.tablefile.delimited import delimited_records
from enrich.engine.tablefile.guard import GUARDED, unguarded
from enrich.engine.tablefile.jsonlines import json_records
from enrich.engine.tablefile.source import Limits, Source
from enrich.errors import BadFileError, BadInputError

__all__ = ["FORMATS", "LINES_NAMED", "Record", "TableFile", "named_lines", "open_table"]

FORMATS = ("csv", "jsonl")

#: How many wrong lines one message names.
LINES_NAMED = 20

_JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the file: the line it begins on (from 1) and its values by header."""

    line: int
    values: JsonObject


class TableFile:
    """A file whose header has been read and found in order."""

    def __init__(self, source: Source, *, form: str, delimiter: str | None) -> None:
        self.name = source.name
        self.form = form
        self._source = source
        self._delimiter = delimiter
        self.headers = self._json_headers() if form == "jsonl" else self._csv_headers()

    def records(self) -> Iterator[Record]:
        """Read the rows from the beginning.

        Raises `BadFileError`; rows of a wrong width are gathered, and named when the end or
        `LINES_NAMED` of them is reached.
        """
        rows = self._json_rows() if self.form == "jsonl" else self._csv_rows()
        for number, record in enumerate(rows, start=1):
            if number > self._source.limits.rows:
                problem = f"holds more than {self._source.limits.rows} rows"
                hint = "split it, or raise --max-rows"
                raise BadFileError(self.name, problem, hint=hint)
            yield record

    def _json_rows(self) -> Iterator[Record]:
        with self._source.lines() as lines:
            for line, values in json_records(lines):
                yield Record(line, values)

    def _json_headers(self) -> tuple[str, ...]:
        seen: dict[str, None] = {}
        for record in self.records():
            seen.update(dict.fromkeys(record.values))
            _refuse_many(self.name, len(seen), self._source.limits.columns)
        if not seen:
            raise BadFileError(self.name, "is empty")
        _refuse_bad_headers(self.name, tuple(seen))
        return tuple(seen)

    def _csv_headers(self) -> tuple[str, ...]:
        with self._source.lines() as lines:
            _, first = next(delimited_records(lines, delimiter=self._delimiter), (0, []))
        if not first:
            raise BadFileError(self.name, "is empty")
        _refuse_many(self.name, len(first), self._source.limits.columns)
        headers = tuple(header.strip() for header in first)
        _refuse_bad_headers(self.name, headers)
        _refuse_data_as_header(self.name, headers)
        return headers

    def _csv_rows(self) -> Iterator[Record]:
        wrong: list[tuple[int, int]] = []
        with self._source.lines() as lines:
            records = delimited_records(lines, delimiter=self._delimiter)
            for line, fields in islice(records, 1, None):
                if len(fields) != len(self.headers):
                    wrong.append((line, len(fields)))
                    if len(wrong) == LINES_NAMED:
                        break
                elif not wrong:
                    yield Record(line, self._values(fields))
        if wrong:
            raise self._wrong_width(wrong)

    def _values(self, fields: list[str]) -> JsonObject:
        values = dict(zip(self.headers, fields, strict=True))
        if GUARDED in values:
            return {**unguarded(values, values.pop(GUARDED))}
        return {**values}

    def _wrong_width(self, wrong: Sequence[tuple[int, int]]) -> BadFileError:
        width = len(self.headers)
        named = [f"line {line} has {count}" for line, count in wrong]
        problem = f"the header has {width} fields, but {named_lines(named)}"
        hint = "" if width > 1 else "if another character separates them, give --delimiter"
        return BadFileError(self.name, problem, hint=hint)


@contextmanager
def open_table(
    path: str,
    *,
    form: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    limits: Limits | None = None,
) -> Iterator[TableFile]:
    """Open a CSV or JSON Lines file (`-`: standard input) and check its header.

    The form is told by the suffix, else it is CSV; encoding and delimiter are found out. Raises
    `BadFileError` and `BadInputError`, each one sentence with the way out.
    """
    if form not in (None, *FORMATS):
        raise BadInputError("--format", f"{form!r} cannot be imported", hint="csv or jsonl can")
    source = Source(path, encoding=encoding, limits=limits or Limits())
    told = "jsonl" if source.suffix in _JSON_SUFFIXES else "csv"
    with closing(source):
        yield TableFile(source, form=form or told, delimiter=delimiter)


def named_lines(names: Sequence[str]) -> str:
    """Join what is wrong into one clause, cut after `LINES_NAMED`."""
    more = ", …" if len(names) >= LINES_NAMED else ""
    return ", ".join(names[:LINES_NAMED]) + more


def _refuse_many(name: str, count: int, limit: int) -> None:
    if count > limit:
        raise BadFileError(name, f"has {count} columns, and {limit} are allowed", line=1)


def _refuse_bad_headers(name: str, headers: tuple[str, ...]) -> None:
    blank = [str(place) for place, header in enumerate(headers, start=1) if not header.strip()]
    if blank:
        raise BadFileError(name, f"column {named_lines(blank)} has no name", line=1)
    folded = [header.strip().casefold() for header in headers]
    double = [h for place, h in enumerate(headers) if folded.index(folded[place]) < place]
    if double:
        names = named_lines([repr(header) for header in double])
        raise BadFileError(name, f"column {names} is there twice", line=1)


def _refuse_data_as_header(name: str, headers: tuple[str, ...]) -> None:
    def is_value(header: str) -> bool:
        return header.replace(".", "", 1).lstrip("+-").isdecimal()

    mails = any("@" in header and "." in header for header in headers)
    if mails or all(is_value(header) for header in headers):
        hint = "add a line of column names"
        raise BadFileError(name, "looks like a row, not like a header", line=1, hint=hint)
