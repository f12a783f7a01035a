"""The command `enrich`: finds the subcommand, runs it, and turns how it ended into an exit code.

    0 done   1 failed   2 bad usage   3 a dependency is down   130 interrupted

Each subcommand lives in a module that is loaded when it is called, so that help and completion are
quick and need none of the libraries.
"""

import json
import logging
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from enrich.errors import EnrichError

__all__ = ["COMMANDS", "cli", "main"]

#: Command to the module it lives in (its function has the command's name) and its line of help.
COMMANDS = {
    "demo": ("demo", "Enrich a sample table with a real worker, print it, stop what was started."),
    "up": ("up", "Start the servers, a worker and the scheduler, and keep them running."),
    "down": ("servers", "Stop the embedded servers."),
    "env": ("servers", "Print the addresses of the embedded servers for other programs."),
    "doctor": ("doctor", "Check the settings, the servers, the schema and the providers."),
    "migrate": ("servers", "Bring the database to the newest schema."),
    "import": ("files", "Import a CSV or JSON Lines file into a table."),
    "export": ("files", "Export a table as CSV, JSON Lines or Parquet."),
    "tables": ("tables", "List the tables."),
    "columns": ("tables", "List a table's columns, add one, or change one."),
    "run": ("runs", "Enrich a table's columns."),
    "runs": ("runs", "List the newest runs."),
    "status": ("runs", "Tell how a run stands."),
    "cancel": ("runs", "Stop a run."),
    "retry": ("runs", "Take up a run's parked batches again."),
    "schedule": ("schedules", "Enrich tables by the clock: add, list, pause, run now."),
    "calls": ("calls", "List the paid calls that may have been made twice, and settle them."),
    "cell": ("cells", "Show a cell, and who said what about it."),
    "providers": ("providers", "List, describe, check and try providers, or begin a new one."),
    "credentials": ("credentials", "Keep the keys of providers, sealed; list and remove them."),
    "simulate": ("simulate", "Serve the catalogue's vendors on loopback; nothing is paid."),
    "breaker": ("breakers", "Show or set a provider's circuit breaker."),
    "keys": ("keys", "Create, list and revoke keys of the REST interface."),
    "api": ("api", "Serve the REST interface."),
    "webhooks": ("webhooks", "Say who is told of the ends of jobs and runs."),
    "embed": ("embed", "Show and repair the vectors that rows are found by."),
    "cache": ("cache", "Show how well the cache does, or clear it."),
    "smoke": ("trial", "Send one profile through a running installation."),
    "bench": ("trial", "Send many profiles at once, and tell how long they took."),
    "completion": ("completion", "Print what makes your shell complete commands."),
    "metrics": ("metrics", "Print the counters of all workers, and the providers' health."),
    "trace": ("trace", "Show where the milliseconds of a cell or a run went."),
    "label": ("trust", "Say that a cell's value is right or wrong, or which one is right."),
    "trust": ("trust", "Show or learn how far each provider is trusted, field by field."),
    "replay": ("replay", "See what another way of fusing would make of recorded answers."),
    "purge": ("purge", "Erase a row, or a subject, and all that was kept about it."),
}

#: Commands that look at what is there, or change it: none of them begins an empty installation.
_LOOKS = frozenset({
    "env", "tables", "runs", "status", "cancel", "retry", "export", "cell", "calls", "breaker",
    "embed", "cache", "metrics", "trace", "label", "trust", "replay", "purge", "smoke", "bench",
})  # fmt: skip
#: Run by a shell as it starts: it loads nothing.
_QUICK = "completion"


class _ReaderGoneError(Exception):
    """Whoever read our output has enough; told apart from what click makes of it."""


class _LazyGroup(click.Group):
    """Knows its commands by name and loads one when it is wanted."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as exc:
            raise _ReaderGoneError from exc

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"enrich.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)  # noqa: S101 - told to the type checker
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        # Without loading any of them: a shell waits for this.
        known = ((name, line) for name, (_, line) in COMMANDS.items())
        return [CompletionItem(n, help=line) for n, line in known if n.startswith(incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "`enrich --help` lists the commands."
            ctx.fail(f"There is no command {args[0]!r}. {hint}")
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name != _QUICK:
            _say_who_begins(ctx, name, is_quiet="--json" in rest)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _say_who_begins(ctx: click.Context, name: str, *, is_quiet: bool) -> None:
    from enrich.bootstrap.home import beginning  # heavy, as the command is

    def tell(home: Path) -> None:
        if not is_quiet:
            click.echo(f"started new servers in {home}", err=True)

    ctx.with_resource(beginning(allowed=name not in _LOOKS, tell=tell))


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="enrich-engine", prog_name="enrich")
def cli() -> None:
    """Fill the missing cells of a table from many data providers.

    With neither DATABASE_URL nor REDIS_URL set, real servers are started under ENRICH_HOME; by
    default that is the nearest .enrich from this folder upwards. Every command that prints takes
    --json.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit with its code; expected errors are one sentence on stderr.

    With `--json` that is an object: `{"error": {"kind", "message", "exit_code"}}`.
    """
    # What happens before a command sets its logs up is not for the person at the shell.
    logging.getLogger("enrich").addHandler(logging.NullHandler())
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(arguments and list(arguments), prog_name="enrich", standalone_mode=False)
        sys.stdout.flush()
    except EnrichError as exc:
        code = _complain(exc, str(exc), exc.exit_code, as_json=as_json)
    except click.ClickException as exc:
        if as_json:
            _complain(exc, exc.format_message(), exc.exit_code, as_json=True)
        else:
            exc.show()
        code = exc.exit_code
    except (KeyboardInterrupt, click.Abort) as exc:
        code = _complain(exc, "interrupted", 130, as_json=as_json)
    except (BrokenPipeError, _ReaderGoneError):
        _drop_output()
        code = 0
    except OSError as exc:  # a full disk, above all
        _drop_output()
        code = _complain(exc, f"cannot write: {exc.strerror or exc}", 1, as_json=as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    # What is left in the buffer would fail once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(exc: BaseException, sentence: str, code: int, *, as_json: bool) -> int:
    if as_json:
        kind = type(exc).__name__.removesuffix("Error")
        error = {"kind": kind, "message": sentence, "exit_code": code}
        click.echo(json.dumps({"error": error}, ensure_ascii=False), err=True)
    else:
        click.echo(f"enrich: {sentence}", err=True)
    return code
