"""`enrich trace`: where the milliseconds of a piece of work went, without a collector."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from enrich.bootstrap import build, settings
from enrich.cli.output import (
    as_json_option,
    inert,
    print_facts,
    print_json,
    print_note,
    print_table,
    tenant_option,
)
from enrich.cli.services import Services, logs_for_a_person
from enrich.domain.run import Force
from enrich.domain.traces import NotedSpan, Trace, traces_of, tree_of
from enrich.engine.arguments import options_of
from enrich.engine.cells import CellsRequest, Known, begin, finish
from enrich.errors import BadInputError, DependencyError, UnknownNameError
from enrich.ports.tracing import Tracer
from providers.base import LocalProvider

__all__ = ["trace_command"]

_INSTALL = "pip install 'enrich-engine[otel]'"
_WAIT_S = 60.0
#: Spans of other processes come in by files, a fifth of a second late.
_SETTLED_S = 1.0
_POLL_S = 0.1
_HIDDEN = frozenset({"enrich.tenant", "enrich.attempt", "db.system.name", "db.query.summary"})


@click.group("trace")
def trace_command() -> None:
    """Show where the milliseconds of a cell or a run went, as a tree with times.

    Processes that run with ENRICH_TRACES__DIRECTORY write their spans there; with the standard
    OTEL_EXPORTER_OTLP_ENDPOINT they send them to a collector instead, or as well.
    """


@trace_command.command("cell")
@click.argument("table")
@click.argument("row")
@click.argument("column")
@click.option("--force", type=click.Choice([level.value for level in Force]), default="none",
              show_default=True, help="What is known and may not be used.")  # fmt: skip
@click.option("--in-process", is_flag=True, help="Here, without a worker.")
@tenant_option
@as_json_option
def _cell(
    *, table: str, row: str, column: str, force: str, in_process: bool, tenant: str, as_json: bool
) -> None:
    """Enrich the cell of TABLE at ROW and COLUMN, and show where the time went. It may cost."""
    _check_packages()
    logs_for_a_person()
    work = _here if in_process else _by_workers
    _print(work(tenant, table, row, column, force), as_json=as_json)


@trace_command.command("list")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@as_json_option
def _list(*, limit: int, as_json: bool) -> None:
    """List the newest traces."""
    found = _kept(_directory())[:limit]
    rows = [
        (trace.id, trace.name, _moment(trace), f"{trace.took_ms:.1f} ms", len(trace.spans))
        for trace in found
    ]
    headers = ("trace", "begins with", "when", "took", "spans", "runs")
    if as_json:
        told = [(*row, _runs(trace)) for row, trace in zip(rows, found, strict=True)]
        print_json([dict(zip(headers, row, strict=True)) for row in told])
        return
    runs = [", ".join(map(str, _runs(trace))) for trace in found]
    print_table(headers, [(*row, own) for row, own in zip(rows, runs, strict=True)])


@trace_command.command("show")
@click.argument("trace", required=False)
@click.option("--run", type=click.IntRange(1), help="The newest one of this run.")
@as_json_option
def _show(*, trace: str | None, run: int | None, as_json: bool) -> None:
    """Show a TRACE by its number or the beginning of it; default: the newest."""
    found = [
        one
        for one in _kept(_directory())
        if one.id.startswith(trace or "") and (run is None or run in _runs(one))
    ]
    if not found:
        wanted = trace or (f"run {run}" if run else "the newest")
        raise UnknownNameError("trace", wanted)
    _print(found[0], as_json=as_json)


def _here(tenant: str, table: str, row: str, column: str, force: str) -> Trace:
    """Enrich in this process, with every span kept in memory."""
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from enrich.telemetry.trace_files import noted
    from enrich.telemetry.traces import collecting_tracer

    memory = InMemorySpanExporter()
    tracer = collecting_tracer(memory)
    services = build(tracer=tracer)
    try:
        with tracer.span("enrich cell", {"enrich.table": table}):
            _load(services, tracer, tenant, table, column)
            options = options_of(force, True, None, None)
            request = CellsRequest(
                tenant=tenant, table=table, row=row, columns=(column,), options=options
            )
            begun = begin(services.parts, request)
            if not isinstance(begun, Known):
                services.runner.run(begun.steps, patience_s=_WAIT_S)
                finish(services.parts, tenant, table, row, (column,), run_id=begun.run.id)
    finally:
        services.close()
    (trace,) = traces_of(noted(span) for span in memory.get_finished_spans())
    return trace


def _load(services: Services, tracer: Tracer, tenant: str, table: str, column: str) -> None:
    """Load what the column's providers know, which a worker has done before: spans of their own."""
    columns = services.parts.rows.table(tenant, table).columns
    field = next((one.field for one in columns if one.key == column), None)
    for name, provider in services.parts.providers.items():
        if isinstance(provider, LocalProvider) and field in provider.spec.gives:
            with tracer.span(f"load {name}"):
                provider.warm()


def _by_workers(tenant: str, table: str, row: str, column: str, force: str) -> Trace:
    """Send it as `.delay()` does, and gather what the processes have written."""
    from enrich.bootstrap import process_tracer
    from tasks import enrich_cell

    directory = _directory()
    tracer = process_tracer()
    with tracer.span("enrich cell", {"enrich.table": table}):
        number = tracer.carried()["traceparent"].split("-")[1]
        with tracer.span("wait for the result"):
            sent = enrich_cell.delay(table, row, column, force=force, tenant=tenant)
            _wait(sent.ready)
    # What a worker says of a wrong name is said here as well.
    sent.get(timeout=_POLL_S)
    tracer.flush()
    return _settled(directory, number)


def _wait(is_done: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _WAIT_S
    while not is_done():
        if time.monotonic() > end_s:
            raise DependencyError(
                f"no worker answered within {_WAIT_S:.0f} s; `enrich up` starts one"
            )
        time.sleep(_POLL_S)


def _settled(directory: Path, number: str) -> Trace:
    """Give a trace once nothing has been added to it for a moment."""
    found: Sequence[NotedSpan] = ()
    end_s = time.monotonic() + _SETTLED_S
    while time.monotonic() < end_s:
        now = [one for one in _kept(directory) if one.id == number]
        spans = now[0].spans if now else ()
        if len(spans) != len(found):
            found, end_s = spans, time.monotonic() + _SETTLED_S
        time.sleep(_POLL_S)
    if not found:
        raise UnknownNameError("trace", number)
    return Trace(id=number, spans=tuple(found))


def _kept(directory: Path) -> tuple[Trace, ...]:
    from enrich.telemetry.trace_files import read_spans

    return traces_of(read_spans(directory))


def _directory() -> Path:
    _check_packages()
    directory = settings().traces.directory
    if directory is None:
        raise BadInputError(
            "ENRICH_TRACES__DIRECTORY",
            "is not set, so no process writes traces",
            hint="set it for workers and shells alike; `trace cell … --in-process` needs none",
        )
    return directory


def _check_packages() -> None:
    from enrich.telemetry.traces import lacking_packages

    if lacking := lacking_packages():
        raise BadInputError("traces", f"{lacking[0]} is not installed", hint=_INSTALL)


def _print(trace: Trace, *, as_json: bool) -> None:
    lines = list(tree_of(trace))
    if as_json:
        print_json({"trace": trace.id, "took_ms": trace.took_ms, "spans": [
            {"id": s.id, "parent": s.parent, "name": s.name, "began_ms": round(began, 3),
             "took_ms": round(s.took_ms, 3), "failed": s.failed, "facts": dict(s.facts)}
            for _, s, began in lines
        ]})  # fmt: skip
        return
    print_facts(
        [("trace", trace.id), ("when", _moment(trace)), ("took", f"{trace.took_ms:.1f} ms")]
    )
    click.echo()
    width = max(len(branch) + len(span.name) for branch, span, _ in lines)
    click.echo(f"{'at ms':>9} {'took ms':>9}  what")
    for branch, span, began in lines:
        name = f"{branch}{inert(span.name)}"
        said = f"{name:<{width}}  {_facts(span)}".rstrip()
        click.echo(f"{began:>9.1f} {span.took_ms:>9.1f}  {said}")
    print_note("times are of each machine's own clock; a span's own is what its branches leave")


def _facts(span: NotedSpan) -> str:
    shown = (
        f"{name.removeprefix('enrich.')}={inert(str(value))}"
        for name, value in span.facts.items()
        if name not in _HIDDEN
    )
    return " ".join([*shown, *(["FAILED"] if span.failed else [])])


def _moment(trace: Trace) -> datetime:
    return datetime.fromtimestamp(trace.began_ns / 1e9, UTC)


def _runs(trace: Trace) -> list[int]:
    runs = {int(s.facts["enrich.run"]) for s in trace.spans if "enrich.run" in s.facts}
    return sorted(runs)
