"""Write the reference from the code: `make reference`. A test fails when what is written is old.

Settings, commands, tasks and metrics are read from their modules; the interface from the document
that it serves.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import Parameter, getdoc, signature
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from enrich.bootstrap import Endpoints
from enrich.cli.main import COMMANDS, cli
from enrich.domain.metric_names import CATALOGUE
from enrich.settings import Settings

__all__ = ["interface_page", "pages", "write"]

FOLDER = Path(__file__).parent / "reference"
_MADE = "<!-- Written by docs/generate.py from the code: `make reference`. -->\n"
_WIDTH = 92
_NOWHERE = "redis://127.0.0.1:9/0"
_CREDENTIALS = (
    "The keys of providers are `ENRICH_CREDENTIALS__<NAME>`, by the name that the file of a",
    "provider gives; `ENRICH_CREDENTIALS__<NAME>__<TENANT>` is one tenant's own.",
)


def pages() -> Mapping[str, str]:
    """Give every page that needs no server, by its file's name."""
    return {
        "settings.md": _page("Settings", _settings()),
        "commands.md": _page("Commands", _commands()),
        "tasks.md": _page("Tasks", _tasks()),
        "metrics.md": _page("Metrics", _metrics()),
    }


def interface_page(described: Mapping[str, Any]) -> str:
    """Give the page of the REST interface, from its OpenAPI document."""
    return _page("REST interface", _interface(described))


def write(described: Mapping[str, Any]) -> None:
    """Write all pages."""
    for name, text in {**pages(), "interface.md": interface_page(described)}.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([_MADE, f"# {title}", "", *lines]).rstrip() + "\n"


def _settings() -> Iterator[str]:
    yield "All by environment. What is set to nothing counts as unset; a misspelt name is refused"
    yield "with its nearest right one. Seconds unless the name says otherwise."
    yield from (*_CREDENTIALS, "", "| variable | default | what it takes |", "|---|---|---|")
    for name, field in Settings.model_fields.items():
        if not _group(field) and name != "credentials":
            prefix = "" if name in {"database_url", "redis_url"} else "ENRICH_"
            yield _row(f"{prefix}{name.upper()}", field)
    for name, field in Settings.model_fields.items():
        if group := _group(field):
            yield from ("", f"## {name}", "", getdoc(group) or "", "")
            yield from ("| variable | default | what it takes |", "|---|---|---|")
            for inner, one in group.model_fields.items():
                yield _row(f"ENRICH_{name.upper()}__{(one.alias or inner).upper()}", one)


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _row(variable: str, field: FieldInfo) -> str:
    bounds = [_bound(one) for one in field.metadata]
    taken = ", ".join([_kind(field.annotation), *(one for one in bounds if one)])
    return f"| `{variable}` | {_default(field)} | {taken} |"


def _default(field: FieldInfo) -> str:
    value = field.default if field.default_factory is None else None
    if value is None or value == () or repr(value) == "PydanticUndefined":
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{getattr(value, 'value', value)}`"


def _kind(kind: Any) -> str:
    name = getattr(kind, "__name__", str(kind))
    words = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text"}
    words |= {"SecretStr": "text, a secret", "Path": "a path", "dict": "name=number,…"}
    if values := getattr(kind, "__members__", None):
        return "one of " + ", ".join(f"`{one.value}`" for one in values.values())
    inner = [one for one in getattr(kind, "__args__", ()) if one is not type(None)]
    if str(kind).startswith("typing.Literal"):
        return "one of " + ", ".join(f"`{one}`" for one in inner)
    if "tuple" in name.lower():
        return "names with commas between"
    if name in words:
        return words[name]
    nested = getattr(inner[0], "__origin__", None) if inner else None
    return _kind(nested if nested in {int, float, str} else inner[0]) if inner else name


def _bound(rule: Any) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    for name, word in words.items():
        if (limit := getattr(rule, name, None)) is not None:
            return f"{word} {limit:,}"
    return ""


def _commands() -> Iterator[str]:
    yield "`--json` works on every command that prints. Exit codes: 0 done, 1 failed, 2 bad usage,"
    yield "3 a server is down, 130 interrupted."
    root = click.Context(cli, info_name="enrich", max_content_width=_WIDTH, terminal_width=_WIDTH)
    for name in sorted(COMMANDS):
        command = cli.get_command(root, name)
        assert command is not None  # noqa: S101 - it is listed
        yield from _command(command, name, root, level=2)


def _command(
    command: click.Command, name: str, parent: click.Context, *, level: int
) -> Iterator[str]:
    ctx = click.Context(command, parent=parent, info_name=name, terminal_width=_WIDTH)
    yield from (
        "",
        f"{'#' * level} {ctx.command_path}",
        "",
        "```text",
        command.get_help(ctx),
        "```",
    )
    if isinstance(command, click.Group):
        for inner in command.list_commands(ctx):
            found = command.get_command(ctx, inner)
            assert found is not None  # noqa: S101 - it is listed
            yield from _command(found, inner, ctx, level=level + 1)


def _tasks() -> Iterator[str]:
    yield "Sent by name to the queue `enrich.ingest`, as JSON;"
    yield "see [producers](../guides/producers.md)."
    for task in _requests():
        yield from ("", f"## {task.name}", "", getdoc(task.run) or "", "")
        yield from ("| argument | default |", "|---|---|")
        for one in signature(task.run).parameters.values():
            given = "needed" if one.default is Parameter.empty else f"`{json.dumps(one.default)}`"
            yield f"| `{one.name}` | {given} |"


def _requests() -> Sequence[Any]:
    from tasks import requests

    # Celery makes tasks at the first look at them, with settings that would start servers.
    nowhere = Endpoints(database_url="", redis_url=_NOWHERE, broker_url=_NOWHERE)
    with patch("tasks.settings.endpoints", lambda: nowhere):
        return [getattr(requests, name)._get_current_object() for name in requests.__all__]  # noqa: SLF001


def _metrics() -> Iterator[str]:
    yield "What Prometheus reads at `/metrics`: of all processes together, never with a row's key."
    yield from ("", "| metric | kind | labels | what it tells |", "|---|---|---|---|")
    for one in sorted(CATALOGUE, key=lambda metric: metric.name):
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{one.name}` | {one.kind.value} | {labels} | {one.help} |"


def _interface(described: Mapping[str, Any]) -> Iterator[str]:
    yield "The whole document, with every field, is served at `/openapi.json`, and as a page at"
    yield "`/docs`; clients are generated from it, as in [the one for Node](../examples/node.md)."
    yield "Errors are problem documents (RFC 9457) with `status`, `title`, `detail` and a `type`."
    yield "An address without a scope takes no key of a tenant;"
    yield "[the guide](../guides/service.md#scopes) says what it asks for instead."
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            yield from _operation(f"{method.upper()} {path}", one)


def _operation(title: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"## {title}", "", one.get("description") or one.get("summary", ""))
    if line := _scope_line(one.get("security", ())):
        yield from ("", line)
    rows = [
        f"| `{p['name']}` | {p['in']} | {'needed' if p.get('required') else 'optional'} |"
        for p in one.get("parameters", [])
    ]
    if rows:
        yield from ("", "| parameter | in | |", "|---|---|---|", *rows)
    if body := one.get("requestBody", {}).get("content", {}):
        yield from ("", f"Body: {', '.join(_schema(b) for b in body.values())}.")
    well = ", ".join(code for code in one["responses"] if int(code) < 400)
    yield from ("", f"Answers {well}.")


def _scope_line(security: Iterable[Mapping[str, list[str]]]) -> str:
    named = [scopes for one in security for scopes in one.values()]
    scopes = ", ".join(f"`{scope}`" for each in named for scope in each)
    return f"Scope: {scopes or 'any'}." if named else ""


def _schema(body: Mapping[str, Any]) -> str:
    name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return f"`{name}`" if name else "an object"


def _described() -> Mapping[str, Any]:
    from enrich.api.app import create_app
    from enrich.bootstrap import build

    services = build()
    try:
        described: Mapping[str, Any] = create_app(services).openapi()
    finally:
        services.close()
    return described


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent.parent))
    write(_described())
