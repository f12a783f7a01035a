"""`enrich cell`."""

import click

from enrich.cli.output import (
    as_json_option,
    print_facts,
    print_json,
    print_note,
    print_table,
    short,
    tenant_option,
)
from enrich.cli.services import opened
from enrich.cli.why import print_why
from enrich.domain.outcome import Found, reason_of
from enrich.domain.run import Response
from enrich.domain.table import Provenance, Row
from enrich.domain.values import credits_of
from enrich.engine.evidence import evidence_json, fields_in, seen_in
from enrich.engine.why import why

__all__ = ["cell_command"]

_Evidence = tuple[tuple[int, Response], ...]


@click.command("cell")
@click.argument("table")
@click.argument("row")
@click.argument("column")
@click.option("--evidence", is_flag=True, help="Add what every provider said, newest first.")
@click.option("--why", "is_why", is_flag=True, help="Explain it: whose word weighed what.")
@click.option("--trust", type=click.IntRange(0), help="Explain it by this version of trust.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Of evidence.")
@tenant_option
@as_json_option
def cell_command(
    *,
    table: str,
    row: str,
    column: str,
    evidence: bool,
    is_why: bool,
    trust: int | None,
    limit: int,
    tenant: str,
    as_json: bool,
) -> None:
    """Show the cell of TABLE at ROW and COLUMN: its value, who gave it, how surely and when."""
    if is_why or trust is not None:
        with opened() as services:
            explained = why(services.parts, tenant, table, row, column, trust=trust)
        print_why(explained, as_json=as_json)
        if as_json or not evidence:
            return
        click.echo()
    with opened() as services:
        field = services.parts.rows.table(tenant, table).column(column).field
        (found,) = services.parts.rows.read(tenant, table, [row])
        said = services.parts.runs.evidence(tenant, table, row) if evidence else ()
    if as_json:
        print_json(_as_json(found, column, field, said, evidence=evidence))
        return
    _print_cell(found, column)
    if evidence:
        click.echo()
        _print_evidence(said[:limit], field)
        if len(said) > limit:
            print_note(f"… and {len(said) - limit} older answers; --limit shows more")


def _print_cell(row: Row, column: str) -> None:
    cell = row.cells.get(column)
    print_facts([("cell", f"{row.key} · {column}"), *_facts(row, column, cell)])


def _facts(row: Row, column: str, cell: Provenance | None) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [("value", row.data.get(column))]
    if cell is None:
        state = "typed" if row.is_typed(column) else "empty: nobody has been asked"
        return [*facts, ("state", state)]
    return [
        *facts,
        ("state", cell.state.value),
        ("provider", cell.provider),
        ("confidence", cell.confidence),
        ("observed", cell.observed_at),
        ("support", f"{cell.support} providers, agreement {cell.agreement:.0%}"),
        *([("reason", cell.reason)] if cell.reason else []),
        *([("again at", cell.retry_at)] if cell.retry_at else []),
    ]


def _print_evidence(said: _Evidence, field: str) -> None:
    print_table(
        (
            "run",
            "provider",
            "outcome",
            "value",
            "confidence",
            "cost of call",
            "took",
            "when",
            "cached",
        ),
        [
            (
                run,
                f"{response.provider} {response.provider_version}",
                response.outcome.kind.value,
                short(seen.value) if seen else _why(response),
                seen.confidence if seen else None,
                f"{credits_of(response.cost_microcredits):.4f}",
                f"{response.latency_s * 1000:.0f} ms",
                response.observed_at,
                "stale" if response.stale else "yes" if response.from_cache else "",
            )
            for run, response in said
            for seen in [seen_in(response, field)]
        ],
    )
    shared = [r for _, r in said if r.cost_microcredits and fields_in(r) > 1]
    if shared:
        most = max(map(fields_in, shared))
        print_note(f"a call is paid for once: what it said fills up to {most} cells of the row")


def _why(response: Response) -> str:
    if isinstance(response.outcome, Found):
        return "(about other fields)"
    reason = reason_of(response.outcome)
    return f"({reason})" if reason else ""


def _as_json(
    row: Row, column: str, field: str, said: _Evidence, *, evidence: bool
) -> dict[str, object]:
    cell = row.cells.get(column)
    whole: dict[str, object] = {
        "row": row.key,
        "column": column,
        "field": field,
        "value": row.data.get(column),
        "typed": row.is_typed(column),
        "provenance": cell,
    }
    if evidence:
        whole["evidence"] = [evidence_json(run, response, field) for run, response in said]
    return whole
