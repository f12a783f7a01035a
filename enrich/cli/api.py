"""`enrich api`: the REST interface in the foreground, and as a program of `enrich up`."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from enrich.bootstrap import Services, settings
from enrich.cli.keys import create_key
from enrich.domain.access import Scope
from enrich.embedded.processes import Program
from enrich.errors import BadInputError

__all__ = ["api_command", "api_lines", "api_program", "first_key", "has_api"]

_MODULE = "enrich.api"
_TENANT = "default"


@click.command("api")
def api_command() -> None:
    """Serve the REST interface until Ctrl-C, at ENRICH_API__HOST and ENRICH_API__PORT."""
    if not has_api():
        raise BadInputError(
            "api", "the packages are not installed", hint="pip install 'enrich-engine[api]'"
        )
    # In our place, as `enrich up` starts it: the shell does not import the interface.
    os.execv(sys.executable, [sys.executable, "-m", _MODULE])  # noqa: S606 - no shell is meant


def has_api() -> bool:
    """Say whether the packages of the interface are installed."""
    return find_spec("fastapi") is not None and find_spec("uvicorn") is not None


def api_program(*, log: Path | None = None) -> Program:
    """Describe the interface as a program to be kept running."""
    return Program(name="api", command=[sys.executable, "-m", _MODULE], log=log)


def first_key(services: Services) -> str | None:
    """Make a key that may do all, where the database is embedded and nobody has one yet."""
    if services.settings.database_url is not None or services.access_keys.all():
        return None
    _, secret = create_key(services, _TENANT, "first", frozenset(Scope))
    return secret


def api_lines(key: str | None) -> list[str]:
    """Say where the interface is, and with which key it opens."""
    own = settings().api
    lines = [f"  api       http://{own.host}:{own.port}  (the console; its description at /docs)"]
    if key:
        return [*lines, f"  key       {key}  (of tenant {_TENANT!r}; shown this once)"]
    return [*lines, "  key       enrich keys create"]
