"""`enrich demo`: a real table, real servers, a real worker, twice."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from enrich.bootstrap import settings
from enrich.cli.output import (
    as_json_option,
    print_json,
    print_note,
    print_table,
    short,
    tenant_option,
)
from enrich.cli.services import Services, opened
from enrich.cli.tables import enriched_columns
from enrich.cli.watching import wait_for
from enrich.cli.workers import (
    beat_program,
    dispatching,
    own_servers,
    stopped_by_signals,
    wait_until_ready,
    worker_program,
)
from enrich.domain.fields import column_key, fields_of_headers
from enrich.domain.run import Force, Response, RunOptions, RunState
from enrich.domain.table import Column, Row
from enrich.domain.values import credits_of, only_known
from enrich.embedded.processes import Supervisor
from enrich.engine.report import run_report
from enrich.engine.submit import RunRequest, submit
from enrich.errors import RunFailedError
from enrich.ports import Dispatcher, NewRow, RunSummary, Selection
from providers.sample import COLUMNS, KEY, sample_rows

__all__ = ["demo_command"]

_TABLE = "demo"
_ENRICHED = (
    "website", "domain", "ticker", "industry", "founded",
    "employees", "city", "country", "phone_e164", "email_is_free",
)  # fmt: skip
_SHOWN_ROWS = 3
_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class _Pass:
    """One run of the demonstration and how long it took."""

    name: str
    summary: RunSummary

    @property
    def seconds(self) -> float:
        """From its submission to its end."""
        ended = self.summary.finished_at or self.summary.started_at
        return (ended - self.summary.started_at).total_seconds()


@click.command("demo")
@click.option("--rows", "count", type=click.IntRange(1, 1400), default=200, show_default=True)
@click.option("--keep", is_flag=True, help="Leave the servers running.")
@tenant_option
@as_json_option
def demo_command(*, count: int, keep: bool, tenant: str, as_json: bool) -> None:
    """Enrich ten columns of a sample table with a real Celery worker, then once more.

    Companies and local facts are real; the vendors that cost credits are simulated, and so are the
    credits. The second pass shows the cache at work. What was started is stopped.
    """
    say = print_note if as_json else click.echo
    # Read by this process and by the worker; before anything else reads the settings.
    os.environ.setdefault("ENRICH_PROVIDERS__SIMULATED", "true")
    with stopped_by_signals(), own_servers(keep=keep) as started:
        say(f"servers: {_servers(started)}")
        log = settings().home / "demo-worker.log"
        worker = worker_program("demo", log=log)
        beat = beat_program(log=settings().home / "demo-beat.log")
        # The worker starts first: the parts here are built and the rows imported meanwhile.
        with (
            Supervisor([worker, beat]) as supervisor,
            opened() as services,
            dispatching() as dispatcher,
        ):
            keys = _import_sample(services, tenant, count)
            say(f"table {_TABLE!r}: {count} rows of {', '.join(COLUMNS)}")
            pid = wait_until_ready(supervisor, worker)
            say(f"worker: process {pid} (celery -A tasks worker), log {log}")
            say(f"enriching: {', '.join(_ENRICHED)}")
            run = partial(_run, services, dispatcher, tenant, keys)
            first = _Pass("asked", run(Force.RESPONSES))
            again = _Pass("again", run(Force.CELLS))
            _show(services, tenant, keys, (first, again), as_json=as_json)
    say("left running: enrich tables; stop with: enrich down" if keep and started else "stopped")
    _judge((first, again))


def _servers(started: Sequence[str]) -> str:
    return f"started {' and '.join(started)}" if started else "those that were there"


def _import_sample(services: Services, tenant: str, count: int) -> tuple[str, ...]:
    rows = services.parts.rows
    fields = fields_of_headers(COLUMNS)
    columns = [
        Column(key=column_key(header), field=field or column_key(header), position=place)
        for place, (header, field) in enumerate(zip(COLUMNS, fields, strict=True))
    ]
    rows.save_columns(tenant, _TABLE, columns)
    fresh = [NewRow(key=one[KEY], data=only_known(one)) for one in sample_rows(count)]
    rows.import_rows(tenant, _TABLE, fresh)
    rows.save_columns(tenant, _TABLE, enriched_columns(rows, tenant, _TABLE, _ENRICHED))
    return tuple(row.key for row in fresh)


def _run(
    services: Services,
    dispatcher: Dispatcher,
    tenant: str,
    keys: tuple[str, ...],
    force: Force,
) -> RunSummary:
    request = RunRequest(
        table=_TABLE,
        tenant=tenant,
        columns=_ENRICHED,
        selection=Selection(keys=keys),
        options=RunOptions(force=force),
    )
    submitted = submit(services.parts, request)
    dispatcher.dispatch(submitted.steps)
    end_s = time.monotonic() + _PATIENCE_S
    return wait_for(services, tenant, submitted.run.id, until=lambda: time.monotonic() > end_s)


def _show(
    services: Services,
    tenant: str,
    keys: tuple[str, ...],
    passes: tuple[_Pass, _Pass],
    *,
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            [{"pass": p.name, "seconds": p.seconds, **run_report(p.summary)} for p in passes]
        )
        return
    first = passes[0].summary
    for row in services.parts.rows.read(tenant, _TABLE, keys[:_SHOWN_ROWS]):
        evidence = services.parts.runs.evidence(tenant, _TABLE, row.key)
        said = {r.provider: r for run, r in evidence if run == first.id}
        click.echo()
        _print_row(row, said)
    click.echo()
    print_table(("", *(p.name for p in passes)), _figures(passes))


def _print_row(row: Row, said: dict[str, Response]) -> None:
    paid = credits_of(sum(response.cost_microcredits for response in said.values()))
    click.echo(
        f"{row.key}  {short(row.data.get('company'))}  ({len(said)} asked, {paid:g} credits)"
    )
    print_table(
        ("column", "value", "provider", "confidence", "state"),
        [
            (key, short(row.data.get(key)), cell.provider, _sure(cell.confidence), cell.state.value)
            for key in _ENRICHED
            if (cell := row.cells.get(key)) is not None
        ],
    )


def _sure(confidence: float) -> str:
    return f"{confidence:.2f}" if confidence else ""


def _figures(passes: tuple[_Pass, _Pass]) -> list[tuple[Any, ...]]:
    counts = [p.summary.counts for p in passes]
    return [
        ("cells filled", *(c.filled for c in counts)),
        ("not found", *(c.not_found for c in counts)),
        ("failed", *(c.failed for c in counts)),
        ("skipped", *(c.skipped for c in counts)),
        ("provider calls", *(c.provider_calls for c in counts)),
        ("cache hits", *(c.cache_hits for c in counts)),
        ("premium calls saved", *(c.premium_saved for c in counts)),
        ("cost in demo credits", *(f"{credits_of(c.cost_microcredits):.3f}" for c in counts)),
        ("seconds", *(f"{p.seconds:.2f}" for p in passes)),
    ]


def _judge(passes: tuple[_Pass, _Pass]) -> None:
    for one in passes:
        if one.summary.state is not RunState.DONE or not one.summary.counts.filled:
            raise RunFailedError(
                f"run {one.summary.id} is {one.summary.state.value} with "
                f"{one.summary.counts.filled} cells filled; the worker's log tells why"
            )
