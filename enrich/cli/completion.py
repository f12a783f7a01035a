"""`enrich completion`: what a shell needs to complete our commands."""

import click
from click.shell_completion import get_completion_class

__all__ = ["completion_command"]

_SHELLS = ("bash", "fish", "zsh")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, *, shell: str) -> None:
    """Print the lines that make SHELL complete: `eval "$(enrich completion bash)"`."""
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click knows the shells of `_SHELLS`
    click.echo(made(ctx.find_root().command, {}, "enrich", "_ENRICH_COMPLETE").source())
