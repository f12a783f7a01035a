"""`enrich run`, and how runs are watched, stopped and taken up again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from enrich.cli.calls import note_doubts
from enrich.cli.estimates import print_estimate
from enrich.cli.output import (
    as_json_option,
    print_json,
    print_note,
    print_table,
    tenant_option,
)
from enrich.cli.reasons import check_outage, note_shut
from enrich.cli.services import Services, opened
from enrich.cli.spec_files import note_refused_files
from enrich.cli.summaries import booked, note_missing_keys, print_summary, summary_json
from enrich.cli.tables import add_columns, keys_of
from enrich.cli.watching import carry_out, check_broker
from enrich.cli.wishes import CREDITS, cell_options, names_of, where_of
from enrich.domain.endings import Ending, endings_of
from enrich.domain.metrics import hit_rates_of
from enrich.domain.run import Force, Order, RunState
from enrich.domain.values import credits_of
from enrich.engine.arguments import options_of, selection_of
from enrich.engine.retry import retry
from enrich.engine.submit import RunRequest, Submitted, submit
from enrich.errors import RunFailedError
from enrich.ports import RunSummary
from tasks.app import app
from tasks.replies import reply, tell_empty

__all__ = [
    "cancel_command",
    "retry_command",
    "run_command",
    "runs_command",
    "status_command",
]


@click.command("run")
@click.argument("table")
@click.option("--columns", help="Which, with commas between; default: all enriched ones.")
@cell_options
@click.option(
    "--force",
    type=click.Choice([level.value for level in Force]),
    default="none",
    show_default=True,
    help="What is known and may not be used.",
)
@click.option(
    "--policy",
    type=click.Choice([order.value for order in Order]),
    help="Whom to ask when; default: that of the settings.",
)
@click.option("--max-cost", type=CREDITS, help="Credits that the run may spend.")
@click.option("--estimate", is_flag=True, help="Say what it could cost; do nothing.")
@click.option("--wait", is_flag=True, help="Wait for the end, and fail if it is not a good one.")
@click.option("--in-process", is_flag=True, help="Work here, without a worker; implies --wait.")
@tenant_option
@as_json_option
def run_command(
    *,
    table: str,
    columns: str | None,
    force: str,
    policy: str | None,
    max_cost: float | None,
    estimate: bool,
    wait: bool,
    in_process: bool,
    tenant: str,
    as_json: bool,
    **about_cells: Any,
) -> None:
    """Enrich TABLE's columns: store a run, and send it to the workers.

    --columns takes columns, or fields of columns; one that the table lacks is added when it is the
    name of a field. Typed values stay.
    """
    options = options_of(force, True, None, max_cost, policy)
    names, chosen = names_of(columns), where_of(about_cells)
    with opened() as services:
        wanted = keys_of(services.parts.rows, tenant, table, names)
        selection, options = selection_of(chosen, options, datetime.now(UTC))
        request = RunRequest(
            table=table, tenant=tenant, columns=wanted, selection=selection, options=options
        )
        if estimate:
            rates = hit_rates_of(services.metrics.read())
            print_estimate(services.parts, request, hit_rates=rates, as_json=as_json)
            return
        submitted = _submitted(services, request, here=in_process)
        summary = carry_out(
            services, tenant, submitted.run.id, submitted.steps, wait=wait, here=in_process
        )
        endings = _endings(services, tenant, summary)
    _finish(summary, endings, as_json=as_json, ended=wait or in_process)


def _submitted(services: Services, request: RunRequest, *, here: bool) -> Submitted:
    """Store a run, after the columns that its table lacks, for this process or for workers."""
    if not here:
        check_broker(services)
    if request.columns:
        add_columns(services.parts.rows, request.tenant, request.table, request.columns)
    submitted = submit(services.parts, request)
    if not here:
        tell_empty(app, services, submitted)
    return submitted


@click.command("status")
@click.argument("run", type=int)
@tenant_option
@as_json_option
def status_command(*, run: int, tenant: str, as_json: bool) -> None:
    """Tell how RUN stands: cells by their end, batches by their phase, cost."""
    with opened() as services:
        summary = services.parts.runs.summary(tenant, run)
        endings = _endings(services, tenant, summary)
        paid = services.parts.paid
        note_doubts(paid.doubts(tenant, run_id=run, limit=1000), run)
        costs = paid.costs(tenant, run)
    print_summary(booked(summary, costs), endings, costs=costs, as_json=as_json)


@click.command("runs")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@tenant_option
@as_json_option
def runs_command(*, limit: int, tenant: str, as_json: bool) -> None:
    """List the newest runs."""
    with opened() as services:
        runs = services.parts.runs.runs(tenant, limit=limit)
    if as_json:
        print_json([summary_json(run) for run in runs])
        return
    print_table(
        ("run", "table", "state", "rows", "filled", "not found", "failed", "skipped", "cost",
         "started"),
        [
            (r.id, r.table, r.state.value, r.rows, r.counts.filled, r.counts.not_found,
             r.counts.failed, r.counts.skipped,
             f"{credits_of(r.counts.cost_microcredits):.4f}", r.started_at)
            for r in runs
        ],
    )  # fmt: skip


@click.command("cancel")
@click.argument("run", type=int)
@tenant_option
@as_json_option
def cancel_command(*, run: int, tenant: str, as_json: bool) -> None:
    """Stop RUN: what is written stays, what comes late changes nothing."""
    with opened() as services:
        cancelled = services.parts.runs.cancel(tenant, run)
        ended = services.parts.runs.ended(run)
        if cancelled and ended is not None:
            # Whoever waits for the run's end hears of it from us: no worker will come to it.
            reply(app, services, ended)
        summary = services.parts.runs.summary(tenant, run)
        endings = endings_of(summary.counts)
    if not cancelled:
        print_note(f"run {run} had ended before")
    print_summary(summary, endings, as_json=as_json)


@click.command("retry")
@click.argument("run", type=int)
@click.option("--wait", is_flag=True, help="Wait for the end.")
@click.option("--in-process", is_flag=True, help="Work here, without a worker; implies --wait.")
@tenant_option
@as_json_option
def retry_command(*, run: int, wait: bool, in_process: bool, tenant: str, as_json: bool) -> None:
    """Take up the batches of RUN that were parked after too many attempts."""
    with opened() as services:
        steps = retry(services.parts, tenant, run)
        if not steps:
            print_note(f"run {run} has no parked batch")
        summary = carry_out(services, tenant, run, steps, wait=wait, here=in_process)
        endings = _endings(services, tenant, summary)
    _finish(summary, endings, as_json=as_json, ended=wait or in_process)


def _endings(services: Services, tenant: str, summary: RunSummary) -> tuple[Ending, ...]:
    """Give why cells of a run are not filled; says beside it who could not be asked."""
    note_missing_keys(services.parts.runs, tenant, summary.id)
    note_refused_files()
    endings = endings_of(summary.counts)
    note_shut(services, tenant, endings)
    return endings


def _finish(summary: RunSummary, endings: Sequence[Ending], *, as_json: bool, ended: bool) -> None:
    print_summary(summary, endings, as_json=as_json)
    parked = summary.batches.get("parked", 0)
    if ended and (parked or summary.state is RunState.CANCELLED):
        why = f"{parked} batches are parked" if parked else "it was cancelled"
        raise RunFailedError(f"run {summary.id} did not end well: {why}")
    if ended:
        check_outage(summary, endings)
