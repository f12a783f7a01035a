"""`enrich providers check`, `new`, `try` and `schema`: a provider of your own, as one file."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from enrich.bootstrap import settings
from enrich.cli.output import (
    as_json_option,
    print_facts,
    print_json,
    print_note,
    print_table,
    tenant_option,
)
from enrich.cli.reopening import note_reopened, reopen
from enrich.cli.services import opened
from enrich.cli.spec_files import spec_of
from enrich.domain.fields import FIELDS
from enrich.domain.outcome import Found, Outcome, OutcomeKind, outcome_to_json, reason_of
from enrich.domain.provider import Answer, Query
from enrich.domain.values import Json, credits_of
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import Deadline
from providers.base import SystemClock
from providers.catalogued import elsewhere, why_not
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.simulator import Behaviour, Simulator
from providers.spec import HttpSpec, check, json_schema, load, load_catalogue, skeleton
from providers.spec.asking import request_for
from providers.spec.checking import doubts
from providers.spec.template import BadValueError

__all__ = [
    "check_command",
    "fields_command",
    "new_command",
    "schema_command",
    "try_command",
]

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAME_CHARS_MAX = 63
_LIMIT_S = 30.0
#: Outcomes that say that a provider and its key work.
_WORKS = frozenset({OutcomeKind.FOUND, OutcomeKind.NOT_FOUND})


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json_option
def check_command(*, files: Sequence[Path], as_json: bool) -> None:
    """Check the FILEs of providers: their words, and that their own examples hold.

    Says what is wrong as file:line: message; the exit code is 2 then.
    """
    found = {path: check(path) for path in files}
    faults = [fault for each in found.values() for fault in each]
    if as_json:
        told = [
            {"file": f.path, "line": f.line, "problem": f.problem, "hint": f.hint} for f in faults
        ]
        print_json(told)
    else:
        for fault in faults:
            where = f"{fault.path}:{fault.line}" if fault.line else fault.path
            click.echo(f"{where}: {fault.problem}{f'; {fault.hint}' if fault.hint else ''}")
        for path in (path for path, each in found.items() if not each):
            spec = load(path)
            click.echo(f"{path}: ok, {len(spec.replies)} examples hold")
            for doubt in doubts(spec):
                print_note(f"{path}: {doubt}")
    raise click.exceptions.Exit(2 if faults else 0)


@click.command("new")
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where; default: ENRICH_PROVIDERS__DIRECTORY, else here.",
)
@click.option("--minimal", is_flag=True, help="Only what a file needs; else every part explained.")
@as_json_option
def new_command(*, name: str, folder: Path | None, minimal: bool, as_json: bool) -> None:
    """Write NAME.toml: a provider with every part explained, and its examples, to be changed."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_CHARS_MAX:
        problem = "must be words of a-z and 0-9 with one _ between, a letter first"
        raise BadInputError("NAME", problem, hint="for example acme_data")
    if name in {spec.name for spec in load_catalogue()}:
        raise BadInputError("NAME", f"the catalogue has {name!r} already", hint="take another")
    folder = folder or settings().providers.directory or Path()
    path = folder / f"{name}.toml"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(skeleton(name, minimal=minimal))
    except FileExistsError:
        raise BadInputError("NAME", f"{path} is there already", hint="take another") from None
    if as_json:
        print_json({"file": path})
        return
    click.echo(str(path))
    print_note(f"edit it, then: enrich providers check {path} && enrich providers try {path}")
    if settings().providers.directory is None:
        print_note(f"to have it asked: export ENRICH_PROVIDERS__DIRECTORY={folder.resolve()}")


@click.command("fields")
@as_json_option
def fields_command(*, as_json: bool) -> None:
    """List the fields that providers give and need, and columns mean."""
    if as_json:
        print_json([asdict(field) for field in FIELDS.values()])
        return
    rows = [(field.name, field.type.value, field.meaning) for field in FIELDS.values()]
    print_table(("field", "kind", "meaning"), rows)


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a provider's file, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))


@click.command("try")
@click.argument("provider")
@click.option("--input", "inputs", multiple=True, metavar="FIELD=VALUE", help="What a row has.")
@click.option("--live", is_flag=True, help="Ask the provider itself; it may cost.")
@tenant_option
@as_json_option
def try_command(
    *, provider: str, inputs: Sequence[str], live: bool, tenant: str, as_json: bool
) -> None:
    """Ask PROVIDER (a name, or a file) once, and show what is sent and what is read.

    Without --live a simulator on loopback answers, as the file's examples do. Without --input the
    first example of what is found is asked about.
    """
    spec = spec_of(provider)
    row = _row(spec, inputs)
    sent = _sent(spec, row)
    with _live(spec, tenant) if live else _simulated(spec) as ask:
        answer = ask(Query(row=1, inputs=row, tenant=tenant))
    if as_json:
        outcome = outcome_to_json(answer.outcome)
        print_json({"provider": spec.name, "sends": sent, "live": live, "outcome": outcome})
    else:
        _print_answer(spec, sent, answer, live=live)
    raise click.exceptions.Exit(0 if answer.outcome.kind in _WORKS else 1)


def _row(spec: HttpSpec, inputs: Sequence[str]) -> dict[str, Json]:
    """Read FIELD=VALUE pairs, or take the inputs of the first example that is found."""
    row: dict[str, Json] = {}
    for pair in inputs:
        field, is_pair, value = pair.partition("=")
        if not is_pair:
            raise BadInputError("--input", f"{pair!r} is no FIELD=VALUE")
        if field not in spec.known_inputs:
            raise UnknownNameError("input", field, known=tuple(spec.known_inputs), within=spec.name)
        row[field] = value
    shown = [each.inputs for each in spec.example if each.outcome is OutcomeKind.FOUND]
    row = row or dict(shown[0] if shown else {})
    if not spec.provider_spec.can_ask_with(row):
        ways = " or ".join(" + ".join(needed) for needed in spec.inputs)
        raise BadInputError("--input", "is too little to ask with", hint=f"it needs {ways}")
    return row


def _sent(spec: HttpSpec, row: Mapping[str, Json]) -> str:
    try:
        call = request_for(spec, dict(row)) if spec.request else None
    except BadValueError as exc:
        raise BadInputError("--input", str(exc)) from None
    return f"{call.method} {call.url}" if call else "many rows in one call"


@contextmanager
def _simulated(spec: HttpSpec) -> Iterator[Callable[[Query], Answer]]:
    credentials = StoredCredentials({spec.credential or "nobody": "simulated"})
    with Simulator([spec], Behaviour(limits=False)) as simulator:
        client = HttpClient()
        try:
            stand_in = elsewhere(spec, simulator.url)
            stood_in = HttpProvider(stand_in, client=client, credentials=credentials)
            yield lambda query: _asked(stood_in, query)
        finally:
            client.close()


@contextmanager
def _live(spec: HttpSpec, tenant: str) -> Iterator[Callable[[Query], Answer]]:
    contact = settings().providers.contact or ""
    with opened() as services:
        if reason := why_not(spec, services.credentials, contact=contact):
            raise BadInputError(spec.name, reason)
        client = HttpClient(contact=contact)
        try:
            provider = HttpProvider(spec, client=client, credentials=services.credentials)

            def ask(query: Query) -> Answer:
                answer = _asked(provider, query)
                if answer.outcome.kind in _WORKS:
                    # What kept it shut has passed: the same key has just been accepted.
                    gates = [spec.provider_spec.gate]
                    note_reopened(reopen(services, gates, tenant, spec.credential or ""))
                return answer

            yield ask
        finally:
            client.close()


def _asked(provider: HttpProvider, query: Query) -> Answer:
    (answer,) = provider.ask([query], Deadline(SystemClock().monotonic_s() + _LIMIT_S))
    return answer


def _print_answer(spec: HttpSpec, sent: str, answer: Answer, *, live: bool) -> None:
    outcome: Outcome = answer.outcome
    reason = reason_of(outcome)
    seen = outcome.observations if isinstance(outcome, Found) else {}
    cost = answer.cost_microcredits
    cost = spec.provider_spec.cost_of(outcome) if cost is None else cost
    print_facts(
        [
            ("provider", spec.name),
            ("sends", sent),
            ("answered by", "the provider" if live else "a simulator, as the file's examples"),
            ("outcome", f"{outcome.kind.value}{f': {reason}' if reason else ''}"),
            *((name, f"{one.value}  ({one.confidence:g})") for name, one in seen.items()),
            ("cost", f"{credits_of(cost):g} credits"),
        ]
    )
