"""`enrich embed`: how embeddings stand, and making up for what was skipped."""

import click

from enrich.cli.output import as_json_option, print_json, print_note, print_table
from enrich.cli.services import opened
from enrich.engine.embedding import repair

__all__ = ["embed_command"]

_HEADERS = ("model", "state", "dimension", "rows", "lacking")


@click.group("embed")
def embed_command() -> None:
    """Show and repair the vectors that rows are found by."""


@embed_command.command("status")
@as_json_option
def _status(*, as_json: bool) -> None:
    """Show the models, and how many rows lack a vector of each."""
    with opened() as services:
        desk = services.desk
        rows: list[tuple[object, ...]] = [
            (model.name, model.state, model.dimension, *desk.vectors.counts(model, tables))
            for tables in [desk.policy.embedded_tables]
            for model in desk.vectors.models()
        ]
        wanted = desk.embedders.wanted
    if as_json:
        print_json(
            {"wanted": wanted, "models": [dict(zip(_HEADERS, r, strict=True)) for r in rows]}
        )
        return
    print_table(_HEADERS, rows)
    print_note(f"the settings name {wanted!r}")


@embed_command.command("repair")
@as_json_option
def _repair(*, as_json: bool) -> None:
    """Embed what was skipped or has changed, and end a change of models when it is complete."""
    done, activated, reason, left = 0, False, "", 0
    with opened() as services:
        while True:
            repaired = repair(services.desk)
            done, activated = done + repaired.embedded, activated or repaired.activated
            reason, left = repaired.reason, repaired.left
            if reason or not left or not repaired.embedded:
                break
    if as_json:
        told = {"embedded": done, "left": left, "activated": activated, "reason": reason}
        print_json(told)
    else:
        click.echo(f"{done} rows embedded, {left} left" + (f": {reason}" if reason else ""))
    if reason:
        raise click.exceptions.Exit(3)
