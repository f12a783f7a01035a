"""`enrich cache`."""

import click

from enrich.cli.output import as_json_option, print_json
from enrich.cli.services import opened

__all__ = ["cache_command"]

_KINDS = ("responses", "cells")


@click.group("cache")
def cache_command() -> None:
    """Clear what is cached. What lies in PostgreSQL stays; only speed is lost.

    To void it for a new release instead, raise ENRICH_CACHE__VERSION.
    """


@cache_command.command("clear")
@click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Default: both.")
@as_json_option
def clear_command(*, kinds: tuple[str, ...], as_json: bool) -> None:
    """Forget providers' answers and cells' results, for all tenants and workers."""
    chosen = kinds or _KINDS
    with opened() as services:
        caches = {"responses": services.parts.responses, "cells": services.parts.cells}
        for kind in chosen:
            caches[kind].clear()
    if as_json:
        print_json({"cleared": chosen})
        return
    click.echo(f"cleared: {', '.join(chosen)}")
