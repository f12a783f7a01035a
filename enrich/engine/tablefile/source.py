"""Where a table file comes from: a path or standard input, as lines of text, never all in memory.

What is refused here, before a line is read: what is not a file, what is too large, and what is
packed. What is refused while reading: NUL, endless lines, and bytes that are not text.
"""

import codecs
import io
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from enrich.errors import BadFileError, BadInputError

__all__ = ["STDIN", "Limits", "Source", "TextLines"]

STDIN = "-"

#: The byte order marks that say what follows; the longer ones first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip or a spreadsheet"),
    (b"\x28\xb5\x2f\xfd", "zstandard"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a file is read before it is refused."""

    file_bytes: int = 2 * 1024**3
    rows: int = 2_000_000
    columns: int = 500
    line_chars: int = 4 * 1024**2


class Source:
    """A file that can be read more than once; standard input is kept in a temporary file."""

    def __init__(self, path: str, *, encoding: str | None = None, limits: Limits) -> None:
        self.name = "standard input" if path == STDIN else path
        self.limits = limits
        self._path = path
        self._encoding = _known_encoding(encoding)
        self._spooled: IO[bytes] | None = None

    @property
    def suffix(self) -> str:
        """The last suffix of the file's name, in lower case; empty for standard input."""
        return Path(self._path).suffix.lower()

    @contextmanager
    def lines(self) -> "Iterator[TextLines]":
        """Open the file from its beginning. Raises `BadFileError`."""
        with self._bytes() as stream:
            head = stream.read(8)
            stream.seek(0)
            self._refuse_packed(head)
            encoding = self._encoding or _marked_encoding(head)
            text = io.TextIOWrapper(stream, encoding=encoding, newline="")
            yield TextLines(text, name=self.name, limits=self.limits, told=bool(self._encoding))
            text.detach()

    def close(self) -> None:
        """Remove what was kept of standard input."""
        if self._spooled is not None:
            self._spooled.close()

    @contextmanager
    def _bytes(self) -> Iterator[IO[bytes]]:
        if self._path == STDIN:
            self._spooled = self._spooled or self._spool()
            self._spooled.seek(0)
            yield self._spooled
            return
        self._refuse_special()
        with self._opened() as stream:
            yield stream

    def _opened(self) -> IO[bytes]:
        try:
            return Path(self._path).open("rb")
        except OSError as exc:
            raise BadFileError(self.name, _reason(exc)) from exc

    def _refuse_special(self) -> None:
        try:
            status = Path(self._path).stat()
        except OSError as exc:
            raise BadFileError(self.name, _reason(exc)) from exc
        if stat.S_ISDIR(status.st_mode):
            raise BadFileError(self.name, "is a directory, not a file")
        if not stat.S_ISREG(status.st_mode):
            hint = "pipe it in and give the path -"
            raise BadFileError(self.name, "is a pipe or a device, not a file", hint=hint)
        self._refuse_large(status.st_size)

    def _refuse_large(self, size: int) -> None:
        if size > self.limits.file_bytes:
            problem = f"is larger than {self.limits.file_bytes} bytes"
            raise BadFileError(self.name, problem, hint="split it, or raise --max-bytes")

    def _refuse_packed(self, head: bytes) -> None:
        for mark, kind in _PACKED:
            if head.startswith(mark):
                problem = f"is packed ({kind}), not text"
                raise BadFileError(self.name, problem, hint="unpack it or save it as CSV first")

    def _spool(self) -> IO[bytes]:
        spooled = tempfile.TemporaryFile()  # noqa: SIM115 - lives until `close`
        with suppress(BrokenPipeError):
            while chunk := sys.stdin.buffer.read(256 * 1024):
                spooled.write(chunk)
                self._refuse_large(spooled.tell())
                if b"\0" in chunk and spooled.tell() == len(chunk) and not _is_marked(chunk):
                    break  # not text; no need to wait for the end of an endless device
        return spooled


class TextLines:
    """An iterator of lines with their line ends, which counts them and refuses what is no text."""

    def __init__(self, text: io.TextIOWrapper, *, name: str, limits: Limits, told: bool) -> None:
        self.name = name
        self.limits = limits
        self.number = 0  # of the line given last
        self._text = text
        self._told = told

    def __iter__(self) -> Iterator[str]:
        """Give itself: there is one pass."""
        return self

    def __next__(self) -> str:
        """Give the next line. Raises `BadFileError`."""
        try:
            line = self._text.readline(self.limits.line_chars)
        except UnicodeError as exc:
            raise self._not_text(exc) from exc
        if not line:
            raise StopIteration
        self.number += 1
        if "\0" in line:
            hint = "" if self._told else "is it UTF-16? then give --encoding utf-16"
            raise BadFileError(self.name, "holds a NUL character", line=self.number, hint=hint)
        if len(line) >= self.limits.line_chars:
            problem = f"is longer than {self.limits.line_chars} characters"
            raise BadFileError(self.name, problem, line=self.number)
        return line

    def _not_text(self, exc: UnicodeError) -> BadFileError:
        before = exc.object[: exc.start] if isinstance(exc, UnicodeDecodeError) else b""
        line = self.number + 1 + max(before.count(b"\n"), before.count(b"\r"))
        encoding = self._text.encoding.removesuffix("-sig").upper()
        hint = "" if self._told else "if it is Western European, give --encoding latin-1"
        return BadFileError(self.name, f"is not {encoding} text", line=line, hint=hint)


def _known_encoding(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except LookupError as exc:
        hint = "for example utf-8, utf-16, latin-1 or cp1252"
        raise BadInputError("--encoding", f"there is no text encoding {name!r}", hint=hint) from exc


def _marked_encoding(head: bytes) -> str:
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def _is_marked(head: bytes) -> bool:
    return any(head.startswith(mark) for mark, _ in _MARKS)


def _reason(exc: OSError) -> str:
    match exc:
        case FileNotFoundError():
            return "there is no such file"
        case PermissionError():
            return "may not be read"
        case _:
            return f"cannot be read ({exc.strerror})"
