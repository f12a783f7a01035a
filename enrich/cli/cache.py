"""`enrich cache`."""

import click

from enrich.cli.output import as_json_option, print_facts, print_json
from enrich.cli.services import opened
from enrich.state.metrics import read_metrics

__all__ = ["cache_command"]

_KINDS = ("responses", "cells")


@click.group("cache")
def cache_command() -> None:
    """Show how well the cache does, or clear it.

    What lies in PostgreSQL stays; clearing loses speed alone.

    To clear it is to bump one number: all entries are void at once, for all workers, and run out in
    their time. To void them for a new release only, raise ENRICH_CACHE__VERSION.
    """


@cache_command.command("stats")
@as_json_option
def stats_command(*, as_json: bool) -> None:
    """Show the look-ups of all workers and what they found."""
    with opened() as services:
        metrics = read_metrics(services.metrics, services.parts.breakers)
    counts: dict[str, object] = {
        "look-ups": metrics.total_requests,
        "hits": metrics.cache_hits,
        "negative hits": metrics.negative_cache_hits,
        "misses": metrics.cache_misses,
        "hit rate": metrics.cache_hit_rate,
    }
    if as_json:
        print_json({name.replace("-", "").replace(" ", "_"): n for name, n in counts.items()})
        return
    print_facts(counts.items())


@cache_command.command("clear")
@click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Default: both.")
@as_json_option
def clear_command(*, kinds: tuple[str, ...], as_json: bool) -> None:
    """Forget providers' answers and cells' results, for all tenants and workers."""
    chosen = kinds or _KINDS
    with opened() as services:
        services.check_redis()  # else it would be the memory of this process that is cleared
        caches = {"responses": services.parts.responses, "cells": services.parts.cells}
        for kind in chosen:
            caches[kind].clear()
    if as_json:
        print_json({"cleared": chosen})
        return
    click.echo(f"cleared: {', '.join(chosen)}")


#: What it does, for those who look for it under that name.
cache_command.add_command(clear_command, "bump")
