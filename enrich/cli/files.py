"""`enrich import` and `enrich export`."""

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from enrich.cli.output import as_json_option, print_json, print_note, print_table, tenant_option
from enrich.cli.progress import counting
from enrich.cli.services import opened
from enrich.engine.tablefile import (
    FORMATS,
    Export,
    ImportReport,
    Limits,
    Plan,
    PlannedColumn,
    import_table,
    open_table,
    parse_mapping,
    prepare_export,
    separator_of,
    write_csv,
    write_jsonl,
)
from enrich.errors import BadInputError

__all__ = ["export_command", "import_command"]

_LIMITS = Limits()


@click.command("import")
@click.argument("file")
@click.option("--table", required=True, help="The table's name; it is made when it is not there.")
@click.option("--key", metavar="HEADER", help="The column that names the rows; # numbers them.")
@click.option(
    "--map",
    "mappings",
    multiple=True,
    metavar="HEADER=KEY[:FIELD]",
    help="Which column a header becomes, and which field it means.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the suffix.")
@click.option("--encoding", metavar="NAME", help="Default: UTF-8, or UTF-16 by its mark.")
@click.option("--delimiter", metavar="CHAR", help="Default: found among , ; tab and |.")
@click.option("--max-bytes", type=click.IntRange(1), default=_LIMITS.file_bytes, show_default=True)
@click.option("--max-rows", type=click.IntRange(1), default=_LIMITS.rows, show_default=True)
@tenant_option
@as_json_option
def import_command(
    *,
    file: str,
    table: str,
    key: str | None,
    mappings: tuple[str, ...],
    form: str | None,
    encoding: str | None,
    delimiter: str | None,
    max_bytes: int,
    max_rows: int,
    tenant: str,
    as_json: bool,
) -> None:
    """Import FILE (CSV or JSON Lines; - is standard input) into a table: all of it or nothing.

    Rows whose key is there already are changed, never doubled. Blank cells say nothing.
    """
    mapping = parse_mapping(mappings)
    limits = Limits(file_bytes=max_bytes, rows=max_rows)
    # The file's header is read first: a wrong path must not start servers.
    with (
        open_table(file, form=form, encoding=encoding, delimiter=delimiter, limits=limits) as read,
        opened() as services,
        counting("importing") as progress,
    ):
        report = import_table(
            read,
            rows=services.parts.rows,
            tenant=tenant,
            table=table,
            key=key,
            cells=services.parts.cells,
            mapping=mapping,
            progress=progress,
        )
    _print_import(report, as_json=as_json)


def _print_import(report: ImportReport, *, as_json: bool) -> None:
    plan = report.plan
    if as_json:
        columns = [
            {"header": p.header, "key": p.column.key, "field": p.column.field, "known": p.known}
            for p in plan.columns
        ]
        counts = {"rows": report.rows, "inserted": report.inserted, "changed": report.changed}
        print_json({"table": report.table, **counts, "key": plan.key, "columns": columns})
        return
    print_table(
        ("header", "column", "field"),
        [
            (p.header, p.column.key, p.column.field if p.known else "— (not known to providers)")
            for p in plan.columns
        ],
    )
    click.echo()
    named = f"named by {plan.key!r}" if plan.key else "numbered, because no column names them"
    click.echo(
        f"{report.rows} rows, {named}: {report.inserted} new, {report.changed} changed, "
        f"{report.same} as they were."
    )
    for each in plan.columns:
        if each.beside:
            print_note(_beside(each))
    _note_no_identity(plan)


def _beside(each: PlannedColumn) -> str:
    """Say that a table has two columns of one field now, and how to bring values into the first."""
    mapped = shlex.quote(f"{each.header}={each.beside}")
    return (
        f"column {each.column.key!r} is new and means {each.column.field}, as {each.beside!r} "
        f"does; to bring such values into that one: --map {mapped}"
    )


def _note_no_identity(plan: Plan) -> None:
    """Say that providers have nothing to go by, and how to name a column that they would know."""
    others = [p for p in plan.columns if not p.known and p.header != plan.key]
    if plan.identifies or not plan.columns:
        return
    example = (others or plan.columns)[0]
    print_note(
        "no column says which company or person a row is about (company_name, domain, email, …), "
        f"so hardly a provider can be asked; if one does: --map "
        f"{shlex.quote(f'{example.header}={example.column.key}:company_name')}"
    )


@click.command("export")
@click.argument("table")
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]), help="Default: csv."
)
@click.option(
    "--provenance", is_flag=True, help="Add who said it, how surely, when, and the state."
)
@click.option("--output", type=click.Path(path_type=Path), help="Default, and -: standard output.")
@click.option("--delimiter", metavar="CHAR", help="Of CSV; default: a comma. Excel may want ;.")
@click.option("--bom", is_flag=True, help="Begin a CSV file as Excel expects of UTF-8.")
@click.option("--force", is_flag=True, help="Replace the output if it is there.")
@tenant_option
def export_command(
    *,
    table: str,
    form: str | None,
    provenance: bool,
    output: Path | None,
    delimiter: str | None,
    bom: bool,
    force: bool,
    tenant: str,
) -> None:
    """Export TABLE; what is written can be imported again and changes nothing.

    In CSV, text that a spreadsheet would run as a formula gets an apostrophe in front; the column
    _guarded says where, and an import takes it off again.
    """
    output = None if output == Path("-") else output
    form = form or _form_of(output)
    if form != "csv" and (delimiter or bom):
        raise BadInputError("--delimiter" if delimiter else "--bom", f"{form} has none, only csv")
    separator = separator_of(delimiter) if delimiter else ","
    if form == "parquet":
        _require_parquet(output)
    if output is not None:
        _refuse_target(output, force=force)
    with opened() as services:
        export = prepare_export(
            services.parts.rows, tenant=tenant, table=table, provenance=provenance
        )
        as_csv = partial(write_csv, delimiter=separator, with_mark=bom)
        write = write_jsonl if form == "jsonl" else as_csv
        count = _write(export, write, form=form, output=output)
    if output:
        print_note(f"{count} rows written to {output}")


def _refuse_target(output: Path, *, force: bool) -> None:
    if output.exists() and not output.is_file():
        hint = "without --output it goes to standard output"
        raise BadInputError("--output", f"{output} is not a regular file", hint=hint)
    if output.exists() and not force:
        raise BadInputError("--output", f"{output} is there already", hint="add --force")


def _form_of(output: Path | None) -> str:
    suffix = output.suffix.lower() if output else ""
    return {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}.get(suffix, "csv")


def _write(
    export: Export, write: Callable[[Export, TextIO], int], *, form: str, output: Path | None
) -> int:
    if form == "parquet":
        from enrich.engine.tablefile.parquet import write_parquet

        assert output is not None  # noqa: S101 - refused before
        with _replaced(output) as draft:
            return write_parquet(export, draft)
    if output is None:
        return write(export, sys.stdout)
    with _replaced(output) as draft, draft.open("w", encoding="utf-8", newline="") as target:
        return write(export, target)


@contextmanager
def _replaced(output: Path) -> Iterator[Path]:
    """Give a file beside the output that takes its name at the end; a failure leaves no half."""
    output = output.resolve()  # of a link, what it leads to is replaced
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    except OSError as exc:
        raise BadInputError("--output", f"cannot write {output} ({exc.strerror})") from exc
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o666 & ~_umask())
        draft.replace(output)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _require_parquet(output: Path | None) -> None:
    from enrich.engine.tablefile.parquet import require

    require()
    if output is None:
        raise BadInputError("--format", "parquet needs a file", hint="add --output FILE.parquet")
