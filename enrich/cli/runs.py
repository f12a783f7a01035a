"""`enrich run`, and how runs are watched, stopped and taken up again."""

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import click

from enrich.cli.output import (
    as_json_option,
    print_facts,
    print_json,
    print_note,
    print_table,
    tenant_option,
)
from enrich.cli.progress import share_done
from enrich.cli.services import Services, opened
from enrich.cli.tables import with_column
from enrich.cli.workers import dispatching
from enrich.domain.run import Force, RunState, Step
from enrich.domain.values import credits_of
from enrich.engine.report import run_report
from enrich.engine.retry import retry
from enrich.engine.submit import RunRequest, submit
from enrich.errors import BadInputError, RunFailedError
from enrich.ports import RunSummary
from tasks.app import app
from tasks.arguments import options_of, selection_of

__all__ = [
    "cancel_command",
    "retry_command",
    "run_command",
    "runs_command",
    "status_command",
    "wait_for",
]

_POLL_S = 0.2
_PING_S = 1.0
_FOREVER_S = 10 * 365 * 86_400.0
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
#: The shell's words for the states of cells.
_STATES = {
    "failed": "failed",
    "empty": "empty",
    "not-found": "not_found",
    "pending": "pending",
    "skipped": "skipped",
}
_WHERE = (*_STATES, "stale", "low-confidence")


@click.command("run")
@click.argument("table")
@click.option("--columns", help="Which, with commas between; default: all enriched ones.")
@click.option("--where", multiple=True, type=click.Choice(_WHERE), help="Only cells like these.")
@click.option("--older-than", default="30d", show_default=True, help="What stale means.")
@click.option(
    "--below",
    type=click.FloatRange(0, 1),
    default=0.7,
    show_default=True,
    help="What low confidence means.",
)
@click.option(
    "--force",
    type=click.Choice([level.value for level in Force]),
    default="none",
    show_default=True,
    help="What is known and may not be used.",
)
@click.option("--max-cost", type=click.FloatRange(0), help="Credits that the run may spend.")
@click.option("--wait", is_flag=True, help="Wait for the end, and fail if it is not a good one.")
@click.option("--in-process", is_flag=True, help="Work here, without a worker; implies --wait.")
@tenant_option
@as_json_option
def run_command(
    *,
    table: str,
    columns: str | None,
    where: tuple[str, ...],
    older_than: str,
    below: float,
    force: str,
    max_cost: float | None,
    wait: bool,
    in_process: bool,
    tenant: str,
    as_json: bool,
) -> None:
    """Enrich TABLE's columns: store a run, and send it to the workers.

    A column that the table lacks is added when it is the name of a field. Typed values stay.
    """  # fmt: skip
    wanted = _names(columns)
    options = options_of(force, True, None, max_cost)
    chosen = _where(where, older_than, below)
    with opened() as services:
        for key in wanted or ():
            with_column(services.parts.rows, tenant, table, key)
        selection, options = selection_of(chosen, options, datetime.now(UTC))
        request = RunRequest(
            table=table, tenant=tenant, columns=wanted, selection=selection, options=options
        )
        submitted = submit(services.parts, request)
        summary = _carry_out(
            services, tenant, submitted.run.id, submitted.steps, wait=wait, here=in_process
        )
    _finish(summary, as_json=as_json, ended=wait or in_process)


@click.command("status")
@click.argument("run", type=int)
@tenant_option
@as_json_option
def status_command(*, run: int, tenant: str, as_json: bool) -> None:
    """Tell how RUN stands: cells by their end, batches by their phase, cost."""
    with opened() as services:
        summary = services.parts.runs.summary(tenant, run)
    _print_summary(summary, as_json=as_json)


@click.command("runs")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@tenant_option
@as_json_option
def runs_command(*, limit: int, tenant: str, as_json: bool) -> None:
    """List the newest runs."""
    with opened() as services:
        runs = services.parts.runs.runs(tenant, limit=limit)
    if as_json:
        print_json([_as_json(run) for run in runs])
        return
    print_table(
        ("run", "table", "state", "rows", "filled", "not found", "failed", "cost", "started"),
        [
            (r.id, r.table, r.state.value, r.rows, r.counts.filled, r.counts.not_found,
             r.counts.failed, f"{credits_of(r.counts.cost_microcredits):.4f}", r.started_at)
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
        summary = services.parts.runs.summary(tenant, run)
    if not cancelled:
        print_note(f"run {run} had ended before")
    _print_summary(summary, as_json=as_json)


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
        summary = _carry_out(services, tenant, run, steps, wait=wait, here=in_process)
    _finish(summary, as_json=as_json, ended=wait or in_process)


def wait_for(
    services: Services, tenant: str, run_id: int, *, until: Callable[[], bool] = lambda: False
) -> RunSummary:
    """Wait until a run has ended or `until` says so, with a bar of its batches."""
    summary = services.parts.runs.summary(tenant, run_id)
    with share_done(f"run {run_id}", sum(summary.batches.values())) as show:
        while summary.state is RunState.RUNNING and not _is_stuck(summary) and not until():
            time.sleep(_POLL_S)
            summary = services.parts.runs.summary(tenant, run_id)
            show(_ended(summary))
    return summary


def _carry_out(
    services: Services, tenant: str, run_id: int, steps: Sequence[Step], *, wait: bool, here: bool
) -> RunSummary:
    """Send the steps, or do them here, and tell how the run stands then."""
    if here:
        return _work_here(services, tenant, run_id, steps)
    with dispatching() as dispatcher:
        dispatcher.dispatch(steps)
        if steps and not app.control.ping(timeout=_PING_S, limit=1):
            print_note("no worker answers: `enrich up` starts one, and it will find the run")
        if wait:
            return _watched(services, tenant, run_id)
    return services.parts.runs.summary(tenant, run_id)


def _watched(services: Services, tenant: str, run_id: int) -> RunSummary:
    try:
        return wait_for(services, tenant, run_id)
    except KeyboardInterrupt:
        print_note(f"run {run_id} goes on; `enrich cancel {run_id}` stops it")
        raise


def _work_here(services: Services, tenant: str, run_id: int, steps: Sequence[Step]) -> RunSummary:
    """Do the steps on a thread while this one shows how far they are."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        work = pool.submit(services.runner.run, steps, patience_s=_FOREVER_S)
        try:
            wait_for(services, tenant, run_id, until=work.done)
        except KeyboardInterrupt:
            services.parts.runs.cancel(tenant, run_id)  # the thread finds that out and ends
            raise
        work.result()
    return services.parts.runs.summary(tenant, run_id)


def _finish(summary: RunSummary, *, as_json: bool, ended: bool) -> None:
    _print_summary(summary, as_json=as_json)
    parked = summary.batches.get("parked", 0)
    if ended and (parked or summary.state is RunState.CANCELLED):
        why = f"{parked} batches are parked" if parked else "it was cancelled"
        raise RunFailedError(f"run {summary.id} did not end well: {why}")


def _is_stuck(summary: RunSummary) -> bool:
    return _ended(summary) == sum(summary.batches.values())


def _ended(summary: RunSummary) -> int:
    return sum(summary.batches.get(phase, 0) for phase in ("done", "parked", "cancelled"))


def _print_summary(summary: RunSummary, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(summary))
        return
    counts, took = summary.counts, _took_s(summary)
    batches = ", ".join(f"{number} {phase}" for phase, number in sorted(summary.batches.items()))
    facts: list[tuple[str, object]] = [
        (f"run {summary.id}", f"{summary.state.value} · table {summary.table}"),
        ("columns", ", ".join(summary.wanted)),
        ("rows", f"{summary.rows} in batches: {batches or 'none'}"),
        ("filled", counts.filled),
        ("not found", counts.not_found),
        *((name, number) for name in ("pending", "failed", "skipped")
          if (number := getattr(counts, name))),
        ("provider calls", f"{counts.provider_calls}, and {counts.cache_hits} cache hits"),
        ("cost", f"{credits_of(counts.cost_microcredits):.4f} credits"),
        *([("took", f"{took:.2f} s")] if took is not None else []),
        *(("parked", reason) for reason in summary.parked_reasons),
    ]  # fmt: skip
    print_facts(facts)


def _as_json(summary: RunSummary) -> dict[str, Any]:
    return {
        **run_report(summary),
        "columns": summary.wanted,
        "batches": summary.batches,
        "parked_reasons": summary.parked_reasons,
        "started_at": summary.started_at,
        "finished_at": summary.finished_at,
        "seconds": _took_s(summary),
    }


def _took_s(summary: RunSummary) -> float | None:
    if summary.finished_at is None:
        return None
    return (summary.finished_at - summary.started_at).total_seconds()


def _names(columns: str | None) -> tuple[str, ...] | None:
    if columns is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in columns.split(",") if name.strip()))
    if not names:
        raise BadInputError("--columns", "names no column")
    return names


def _where(kinds: tuple[str, ...], older_than: str, below: float) -> dict[str, object] | None:
    """Turn the shell's words into what a message would say; None for all cells not filled."""
    where: dict[str, object] = {}
    if states := [_STATES[kind] for kind in kinds if kind in _STATES]:
        where["state"] = states
    if "stale" in kinds:
        where["older_than_s"] = _age_s(older_than)
    if "low-confidence" in kinds:
        where["confidence_below"] = below
    return where or None


def _age_s(text: str) -> float:
    match = _AGE.fullmatch(text.strip())
    if not match:
        raise BadInputError("--older-than", f"{text!r} is no age", hint="for example 30d or 12h")
    return float(match[1]) * _UNIT_S[match[2]]
