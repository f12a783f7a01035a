"""At which line of a TOML text a key stands, since the standard reader does not say."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["KeyPath", "line_of", "lines_of"]

KeyPath: TypeAlias = tuple[str | int, ...]

_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+|\s*\.\s*)+)\s*=""")
_HEADER = re.compile(r"""\s*(\[\[?)(.+?)(\]\]?)\s*(#.*)?$""")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Give the line, from 1, of a key or of the nearest table around it; 0 for the whole file."""
    known = lines_of(text)
    for length in range(len(path), 0, -1):
        line = known.get(tuple(path[:length]))
        if line is not None:
            return line
    return 0


def lines_of(text: str) -> Mapping[KeyPath, int]:
    """Give the lines of all keys and tables of a TOML text; inline tables count as one."""
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in _statements(text):
        if header := _HEADER.match(line):
            table = _place(_keys(header[2]), counts, is_list=header[1] == "[[")
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            path = (*table, *_keys(key[1]))
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:length], number)
    return found


def _place(keys: Sequence[str], counts: dict[KeyPath, int], *, is_list: bool) -> KeyPath:
    """Turn `a.b` into a path with the numbers of the list entries that it is in."""
    path: KeyPath = ()
    for position, key in enumerate(keys):
        path = (*path, key)
        if is_list and position == len(keys) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _keys(written: str) -> list[str]:
    """Read a dotted key with the standard reader."""
    keys: list[str] = []
    level: Any = tomllib.loads(f"{written} = 0")
    while isinstance(level, dict):
        (key, level), *_ = level.items()
        keys.append(key)
    return keys


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines that begin a key or a table, past values that go over several lines."""
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not pending:
            start = number
            if not line.strip() or line.lstrip().startswith("#"):
                continue
        pending += line + "\n"
        if _is_whole(pending):
            yield start, pending.rstrip("\n")
            pending = ""


def _is_whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True
