"""What every command shares: its common options, and how it prints.

Values come from files and providers, so nothing is printed raw: control characters that could move
the cursor or hide text are shown as what they are.
"""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import Enum
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

__all__ = [
    "as_json_option",
    "grouped",
    "inert",
    "print_facts",
    "print_json",
    "print_note",
    "print_table",
    "short",
    "tenant_option",
]

_SHORT = 48
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def tenant_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--tenant`."""
    option = click.option(
        "--tenant", default="default", show_default=True, metavar="NAME", help="Whose tables."
    )
    return update_wrapper(option(command), command)


def as_json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`, as the parameter `as_json`."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
    return update_wrapper(option(command), command)


def grouped(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Make options one, in this order; a command gets them by their names."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def print_json(value: object) -> None:
    """Print one JSON document; dataclasses, moments, sets and enums included."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def print_note(sentence: str) -> None:
    """Say something beside the result: on stderr, so that a pipe holds the result alone."""
    click.echo(inert(sentence), err=True)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headers, as wide as the terminal; whole when it is not one."""
    from rich import box  # help needs none of it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in headers:
        table.add_column(Text(header, style="bold"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(inert(_shown(value))) for value in row))
    console = Console(width=None if sys.stdout.isatty() else 4096, highlight=False)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    click.echo("\n".join(lines))


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values side by side."""
    known = [(name, inert(_shown(value))) for name, value in facts]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        click.echo(f"{name:<{width}}  {value}".rstrip())


def inert(text: str) -> str:
    """Show control and invisible characters by their number, so that they do nothing."""
    if text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def short(value: object, limit: int = _SHORT) -> str:
    """Cut a value's text for a table."""
    text = inert(_shown(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _visible(char: str) -> str:
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in _HIDDEN else char


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case float():
            return f"{value:.4g}"
        case bool() | list() | dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case frozenset() | set():
            return sorted(value)
        case Path():
            return str(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case _:
            return str(value)
