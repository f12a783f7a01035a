"""`enrich purge`: erase a row, or whoever has a value in a column."""

import sys

import click

from enrich.bootstrap import Services
from enrich.cli.output import as_json_option, print_json, tenant_option
from enrich.cli.services import opened
from enrich.engine.purge import Erased, erase, erase_subject
from enrich.errors import BadInputError
from tasks.app import app
from tasks.replies import forget

__all__ = ["purge_command"]

_ACTOR = "shell"


@click.command("purge")
@click.argument("table", required=False)
@click.option("--row", help="The key of the row.")
@click.option("--subject", metavar="COLUMN=VALUE", help="Every row with this value instead.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@tenant_option
@as_json_option
def purge_command(
    *,
    table: str | None,
    row: str | None,
    subject: str | None,
    yes: bool,
    tenant: str,
    as_json: bool,
) -> None:
    """Erase a row of TABLE, or all rows of a subject in TABLE (without it: in all tables).

    With a row goes all that was ever said about it, its vectors, its jobs, and what is cached of
    any. Work on it that is under way finds it gone. Backups are yours to look after.
    """
    column, value = _subject(table, row, subject)
    if not yes:
        whom = f"row {row!r} of {table!r}" if row else f"all rows where {column} is {value!r}"
        _confirm(f"erase {whom} for good?")
    with opened() as services:
        erased = _erased(services, tenant, table, row, column, value)
        forget(app, erased.waiting)
    if as_json:
        told = {"rows": erased.rows, "answers": erased.answers, "jobs": erased.jobs}
        print_json({"table": table, "row": row, **told, "requests": erased.requests})
        return
    whom = f"row {row!r}" if row else f"{erased.rows} rows"
    click.echo(f"erased: {whom} with {erased.answers} answers and {erased.jobs} jobs")


def _confirm(question: str) -> None:
    """Go on after a yes alone. Raises `BadInputError` where nobody is there to say it."""
    try:
        is_sure = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise BadInputError("purge", "nobody is there to be asked", hint="add --yes") from None
    if not is_sure:
        raise click.Abort


def _subject(table: str | None, row: str | None, subject: str | None) -> tuple[str, str]:
    if (row is None) == (subject is None):
        raise BadInputError("purge", "give either --row or --subject")
    if row is not None and table is None:
        raise BadInputError("table", "is not given", hint="enrich purge TABLE --row KEY")
    column, equals, value = (subject or "").partition("=")
    if subject is not None and not (column and equals and value):
        raise BadInputError("--subject", "must be COLUMN=VALUE")
    return column, value


def _erased(
    services: Services, tenant: str, table: str | None, row: str | None, column: str, value: str
) -> Erased:
    if row is not None and table is not None:
        return erase(services.desk, tenant, table, row, actor=_ACTOR)
    return erase_subject(services.desk, tenant, column, value, table=table, actor=_ACTOR)
