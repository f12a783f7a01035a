"""`enrich trust` and `enrich label`: what was learned about the providers, and from what."""

import getpass
import json
from pathlib import Path

import click

from enrich.cli.output import (
    as_json_option,
    print_facts,
    print_json,
    print_note,
    print_table,
    tenant_option,
)
from enrich.cli.services import opened
from enrich.domain.fusion import Judge, TrustState
from enrich.domain.fusion.encoding import trust_from_json, trust_to_json
from enrich.domain.fusion.trust import EVERYONE, accuracy_of
from enrich.domain.values import Json
from enrich.engine.gather import trust_of
from enrich.engine.labelling import label_cell
from enrich.engine.learning import learn_tables
from enrich.engine.parts import Parts
from enrich.errors import BadFileError, BadInputError
from enrich.ports.trust import LabelKind

__all__ = ["label_command", "trust_command"]


@click.command("trust")
@click.argument("action", type=click.Choice(["show", "learn", "versions"]), default="show")
@click.argument("table", required=False)
@click.option("--field", help="Only this field.")
@click.option("--provider", help="Only this provider.")
@click.option("--version", type=click.IntRange(0), help="An older version; default: the newest.")
@click.option("--export", type=click.Path(path_type=Path), help="Write the state to a file.")
@click.option(
    "--import", "source", type=click.Path(path_type=Path), help="Take a state from a file."
)
@tenant_option
@as_json_option
def trust_command(
    *,
    action: str,
    table: str | None,
    field: str | None,
    provider: str | None,
    version: int | None,
    export: Path | None,
    source: Path | None,
    tenant: str,
    as_json: bool,
) -> None:
    """Show how far each provider is trusted by field, or learn it anew from a table.

    \b
    enrich trust --field city
    enrich trust learn companies
    enrich trust --export trust.json
    """
    if action != "learn" and table is not None:
        raise BadInputError("TABLE", "only learn takes one")
    with opened() as services:
        store = trust_of(services.parts).store
        if action == "versions":
            _print_versions(services.parts, tenant, as_json=as_json)
            return
        if source is not None:
            state = store.save(tenant, _read(source), reason=f"imported from {source.name}")
        elif action == "learn":
            state = learn_tables(services.parts, tenant, _tables(services.parts, tenant, table))
        else:
            state = store.newest(tenant) if version is None else store.version(tenant, version)
    if export is not None:
        _write(export, state)
        print_note(f"version {state.version} written to {export}")
        return
    _print_state(state, field, provider, as_json=as_json)


@click.command("label")
@click.argument("table")
@click.argument("row")
@click.argument("column")
@click.option("--right", "verdict", flag_value="right", help="What stands there is right.")
@click.option("--wrong", "verdict", flag_value="wrong", help="What stands there is wrong.")
@click.option("--value", help="This value is right, whatever stands there; JSON or plain text.")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in LabelKind]),
    default=LabelKind.PERSON.value,
    show_default=True,
    help="Who says so.",
)
@tenant_option
@as_json_option
def label_command(
    *,
    table: str,
    row: str,
    column: str,
    verdict: str | None,
    value: str | None,
    kind: str,
    tenant: str,
    as_json: bool,
) -> None:
    """Say that the value of TABLE's cell at ROW and COLUMN is right or wrong, or which one is.

    The cell stays as it is: what is said here teaches whom to trust. See `enrich trust learn`.
    """
    if (verdict is None) == (value is None):
        raise BadInputError("label", "say one of --right, --wrong and --value V")
    with opened() as services:
        label = label_cell(
            services.parts,
            tenant,
            table,
            row,
            column,
            value=None if value is None else _value(value),
            is_right=verdict != "wrong",
            kind=LabelKind(kind),
            actor=getpass.getuser(),
        )
    if as_json:
        print_json(label)
        return
    click.echo(f"{row} · {column}: {label.value!r} is {'right' if label.is_right else 'wrong'}")


def _tables(parts: Parts, tenant: str, table: str | None) -> list[str]:
    if table is not None:
        return [parts.rows.table(tenant, table).name]
    return [view.name for view in parts.rows.tables(tenant)]


def _value(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except ValueError:
        return text
    # A number stays as it was typed: «007» is no 7.
    return value if isinstance(value, list | dict) else text


def _read(source: Path) -> TrustState:
    try:
        return trust_from_json(json.loads(source.read_text(encoding="utf-8")))
    except OSError as exc:
        raise BadFileError(str(source), exc.strerror or str(exc)) from exc
    except ValueError as exc:
        raise BadFileError(str(source), str(exc), hint="take one that --export wrote") from exc


def _write(target: Path, state: TrustState) -> None:
    try:
        text = json.dumps(trust_to_json(state), ensure_ascii=False, indent=1)
        target.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise BadFileError(str(target), exc.strerror or str(exc)) from exc


def _print_versions(parts: Parts, tenant: str, *, as_json: bool) -> None:
    notes = trust_of(parts).store.history(tenant)
    if as_json:
        print_json(notes)
        return
    print_table(
        ("version", "labels", "cells", "why", "when"),
        [(n.version, n.labels, n.cells, n.reason, n.created_at) for n in notes],
    )


def _print_state(
    state: TrustState, field: str | None, provider: str | None, *, as_json: bool
) -> None:
    if as_json:
        print_json(trust_to_json(state))
        return
    facts: list[tuple[str, object]] = [
        ("version", state.version or "0: nothing has been learned yet"),
        ("learned from", f"{state.cells} cells, labels of weight {state.labels:.1f}"),
    ]
    groups: dict[str, list[str]] = {}
    for name, family in state.families.items():
        groups.setdefault(family, []).append(name)
    facts += [("one family", ", ".join(names)) for names in groups.values()]
    print_facts(facts)
    click.echo()
    print_table(
        ("field", "provider", "right", "wrong", "accuracy", "its word adds"),
        _lines(state, field, provider),
    )


def _lines(state: TrustState, field: str | None, provider: str | None) -> list[tuple[object, ...]]:
    judge = Judge(state)
    return [
        (
            name,
            who,
            f"{tally.right:.1f}",
            f"{tally.wrong:.1f}",
            f"{accuracy_of(state, who, name):.1%}",
            f"{judge.weight(name, who, 0.8):+.2f}",
        )
        for name, known in sorted(state.fields.items())
        if field in (None, name)
        for who, tally in sorted(known.tallies.items())
        if who != EVERYONE and provider in (None, who)
    ]
