"""`enrich schedule`: tables that are enriched again by the clock."""

from datetime import UTC, datetime
from typing import Any

import click

from enrich.cli.output import as_json_option, print_json, print_note, print_table, tenant_option
from enrich.cli.services import Services, opened
from enrich.cli.tables import enriched_columns
from enrich.cli.wishes import WHERE, age_s, names_of, where_of
from enrich.cli.workers import dispatching
from enrich.domain.run import Force
from enrich.domain.schedule import Schedule, checked_cron, checked_zone, next_moment
from enrich.engine.schedules import begin_due, request_of
from enrich.errors import BadInputError, RunFailedError
from tasks.app import app
from tasks.replies import tell_end

__all__ = ["schedule_command"]

_HEADERS = ("name", "table", "cron", "zone", "next", "state", "last", "came of it")


@click.group("schedule")
def schedule_command() -> None:
    """Enrich tables by the clock: cron expressions in a time zone, kept in PostgreSQL.

    Changes count at once; the scheduler (`enrich up`, or any number of `celery beat`) looks every
    20 s. What was missed is caught up once, and no run begins before the last has ended.
    """


@schedule_command.command("add")
@click.argument("table")
@click.option("--cron", required=True, metavar="EXPR", help="Such as '0 3 * * 1-5'.")
@click.option("--zone", default="UTC", show_default=True, help="Such as Europe/Berlin.")
@click.option("--name", metavar="NAME", help="Default: the table's.")
@click.option("--columns", help="Which, with commas between; default: all enriched ones.")
@click.option("--where", multiple=True, type=click.Choice(WHERE), help="Only cells like these.")
@click.option("--older-than", default="30d", show_default=True, help="What stale means.")
@click.option("--below", type=click.FloatRange(0, 1), default=0.7, show_default=True,
              help="What low confidence means.")  # fmt: skip
@click.option("--force", type=click.Choice([level.value for level in Force]), default="none",
              show_default=True, help="What is known and may not be used.")  # fmt: skip
@click.option("--max-cost", type=click.FloatRange(0), help="Credits that each run may spend.")
@click.option("--window", help="So late a run may still begin, such as 2h; default: any time.")
@tenant_option
@as_json_option
def _add(*, tenant: str, as_json: bool, **given: Any) -> None:
    """Enrich TABLE whenever its moment comes."""
    with opened() as services:
        schedule = _schedule(services, tenant, given)
        services.schedules.add(schedule)
        kept = services.schedules.find(tenant, schedule.name)
    _print([kept], as_json=as_json)


@schedule_command.command("list")
@click.option("--tenant", metavar="NAME", help="Whose; default: everybody's.")
@as_json_option
def _list(*, tenant: str | None, as_json: bool) -> None:
    """List the schedules, with what came of their last moments."""
    with opened() as services:
        kept = services.schedules.all(tenant)
    _print(kept, as_json=as_json)


@schedule_command.command("pause")
@click.argument("name")
@tenant_option
@as_json_option
def _pause(*, name: str, tenant: str, as_json: bool) -> None:
    """Begin no more runs of NAME; one that is under way goes on."""
    with opened() as services:
        kept = services.schedules.find(tenant, name)
        services.schedules.change(tenant, name, paused=True, next_at=kept.next_at)
        kept = services.schedules.find(tenant, name)
    _print([kept], as_json=as_json)


@schedule_command.command("resume")
@click.argument("name")
@tenant_option
@as_json_option
def _resume(*, name: str, tenant: str, as_json: bool) -> None:
    """Go on with NAME from its next moment; what was missed is not caught up."""
    with opened() as services:
        kept = services.schedules.find(tenant, name)
        next_at = next_moment(kept.cron, kept.zone, datetime.now(UTC))
        services.schedules.change(tenant, name, paused=False, next_at=next_at)
        kept = services.schedules.find(tenant, name)
    _print([kept], as_json=as_json)


@schedule_command.command("run-now")
@click.argument("name")
@tenant_option
@as_json_option
def _run_now(*, name: str, tenant: str, as_json: bool) -> None:
    """Begin a run of NAME now, unless its last has not ended; its other moments stay."""
    with opened() as services:
        kept = services.schedules.find(tenant, name)
        if kept.paused:
            raise BadInputError(name, "is paused", hint=f"`enrich schedule resume {name}` first")
        services.schedules.change(tenant, name, paused=False, next_at=datetime.now(UTC))
        with dispatching() as dispatcher:
            for began in begin_due(services.parts, services.schedules):
                dispatcher.dispatch(began.steps)
                if began.finished is not None:
                    tell_end(app, began.finished.run_id)
        kept = services.schedules.find(tenant, name)
    _print([kept], as_json=as_json)
    if not kept.said.startswith("begun"):
        raise RunFailedError(f"{name}: {kept.said}")


@schedule_command.command("remove")
@click.argument("name")
@tenant_option
def _remove(*, name: str, tenant: str) -> None:
    """Forget NAME; its runs and their cells stay."""
    with opened() as services:
        services.schedules.remove(tenant, name)
    print_note(f"{name} is removed")


def _schedule(services: Services, tenant: str, given: dict[str, Any]) -> Schedule:
    now = datetime.now(UTC)
    zone = checked_zone(given["zone"])
    cron = checked_cron(given["cron"], zone, now)
    window = given["window"]
    made = Schedule(
        tenant=tenant,
        table=given["table"],
        name=given["name"] or given["table"],
        cron=cron,
        zone=zone,
        wish=_wish(given),
        window_s=None if window is None else age_s("--window", window),
        next_at=next_moment(cron, zone, now),
    )
    wanted = request_of(made, now).columns
    rows = services.parts.rows
    rows.table(tenant, made.table)
    if wanted:
        rows.save_columns(tenant, made.table, enriched_columns(rows, tenant, made.table, wanted))
    return made


def _wish(given: dict[str, Any]) -> dict[str, Any]:
    columns = names_of(given["columns"])
    wish = {
        "columns": None if columns is None else list(columns),
        "where": where_of(given["where"], given["older_than"], given["below"]),
        "force": given["force"],
        "max_cost": given["max_cost"],
    }
    return {name: value for name, value in wish.items() if value is not None}


def _print(kept: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(list(kept))
        return
    print_table(
        _HEADERS,
        [
            (s.name, s.table, s.cron, s.zone, s.next_at, "paused" if s.paused else "waits",
             s.last_at, s.said)
            for s in kept
        ],
    )  # fmt: skip
