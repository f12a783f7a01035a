"""`enrich schedule`: tables that are enriched again by the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from enrich.cli.output import as_json_option, print_json, print_note, print_table, tenant_option
from enrich.cli.services import Services, opened
from enrich.cli.tables import add_columns, keys_of
from enrich.cli.wishes import CREDITS, age_s, cell_options, names_of, where_of
from enrich.cli.workers import dispatching
from enrich.domain.run import Force
from enrich.domain.schedule import Schedule, checked_cron, checked_zone, next_moment
from enrich.engine.schedules import begin_due, outcome_of, request_of
from enrich.errors import BadInputError, RunFailedError
from tasks.app import app
from tasks.replies import tell_end

__all__ = ["schedule_command"]

_HEADERS = ("name", "table", "when", "what", "next", "state", "last", "came of it")
_PARTS = ("columns", "where", "max-cost", "window")
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_FORCES = tuple(level.value for level in Force)


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
@cell_options
@click.option("--force", type=click.Choice(_FORCES), default="none",
              show_default=True, help="What is known and may not be used.")  # fmt: skip
@click.option("--max-cost", type=CREDITS, help="Credits that each run may spend.")
@click.option("--window", help="So late a run may still begin, such as 2h; default: any time.")
@tenant_option
@as_json_option
def _add(*, tenant: str, as_json: bool, **given: Any) -> None:
    """Enrich TABLE whenever its moment comes."""
    with opened() as services:
        schedule = _schedule(services, tenant, given)
        services.schedules.add(schedule)
        _print(services, [services.schedules.find(tenant, schedule.name)], as_json=as_json)


@schedule_command.command("change")
@click.argument("name")
@click.option("--cron", metavar="EXPR", help="Such as '0 3 * * 1-5'.")
@click.option("--zone", help="Such as Europe/Berlin.")
@click.option("--columns", help="Which, with commas between.")
@cell_options
@click.option("--force", type=click.Choice(_FORCES), help="What is known and may not be used.")
@click.option("--max-cost", type=CREDITS, help="Credits that each run may spend.")
@click.option("--window", help="So late a run may still begin, such as 2h.")
@click.option("--without", multiple=True, type=click.Choice(_PARTS), help="Take this away.")
@tenant_option
@as_json_option
def _change(*, name: str, tenant: str, as_json: bool, **given: Any) -> None:
    """Change what is named of NAME; the rest stays, and a run under way goes on as it was."""
    with opened() as services:
        changed = _changed(services.schedules.find(tenant, name), given)
        changed = _with_columns(services, changed)
        services.schedules.revise(changed)
        _print(services, [services.schedules.find(tenant, name)], as_json=as_json)


@schedule_command.command("list")
@click.option("--tenant", metavar="NAME", help="Whose; default: everybody's.")
@as_json_option
def _list(*, tenant: str | None, as_json: bool) -> None:
    """List the schedules, with what came of their last moments."""
    with opened() as services:
        _print(services, services.schedules.all(tenant), as_json=as_json)


@schedule_command.command("pause")
@click.argument("name")
@tenant_option
@as_json_option
def _pause(*, name: str, tenant: str, as_json: bool) -> None:
    """Begin no more runs of NAME; one that is under way goes on."""
    with opened() as services:
        kept = services.schedules.find(tenant, name)
        services.schedules.change(tenant, name, paused=True, next_at=kept.next_at)
        _print(services, [services.schedules.find(tenant, name)], as_json=as_json)


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
        _print(services, [services.schedules.find(tenant, name)], as_json=as_json)


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
                    tell_end(app, services, began.finished.run_id)
        kept = services.schedules.find(tenant, name)
        _print(services, [kept], as_json=as_json)
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
    return _with_columns(services, made)


def _with_columns(services: Services, made: Schedule) -> Schedule:
    """Add the columns that the table lacks; says what no run could fulfil."""
    names = request_of(made, datetime.now(UTC)).columns
    rows = services.parts.rows
    rows.table(made.tenant, made.table)
    wanted = keys_of(rows, made.tenant, made.table, names)
    if not wanted:
        return made
    add_columns(rows, made.tenant, made.table, wanted)
    return replace(made, wish={**made.wish, "columns": list(wanted)})


def _wish(given: dict[str, Any]) -> dict[str, Any]:
    columns = names_of(given["columns"])
    wish = {
        "columns": None if columns is None else list(columns),
        "where": where_of(given),
        "force": given["force"],
        "max_cost": given["max_cost"],
    }
    return {name: value for name, value in wish.items() if value is not None}


def _changed(kept: Schedule, given: dict[str, Any]) -> Schedule:
    now, window = datetime.now(UTC), given["window"]
    zone = checked_zone(given["zone"] or kept.zone)
    cron = checked_cron(given["cron"] or kept.cron, zone, now)
    is_moved = (cron, zone) != (kept.cron, kept.zone)
    less = {part.replace("-", "_") for part in given["without"]}
    stays = {name: value for name, value in kept.wish.items() if name not in less}
    window_s = None if "window" in less else kept.window_s
    return replace(
        kept,
        cron=cron,
        zone=zone,
        wish={**stays, **_wish(given)},
        window_s=window_s if window is None else age_s("--window", window),
        next_at=next_moment(cron, zone, now) if is_moved else kept.next_at,
    )


def _print(services: Services, kept: Sequence[Schedule], *, as_json: bool) -> None:
    told = [(each, outcome_of(services.parts.runs, each)) for each in kept]
    if as_json:
        print_json([_as_json(each, said) for each, said in told])
        return
    print_table(_HEADERS, [_line(each, said) for each, said in told])


def _as_json(kept: Schedule, said: str) -> dict[str, Any]:
    next_at = None if kept.paused else kept.next_at
    return {**asdict(kept), "said": said, "next_at": next_at}


def _line(kept: Schedule, said: str) -> tuple[object, ...]:
    return (
        kept.name,
        kept.table,
        f"{kept.cron} {kept.zone}",
        _what(kept),
        "" if kept.paused else _local(kept.next_at, kept.zone),
        "paused" if kept.paused else "waits",
        "" if kept.last_at is None else _local(kept.last_at, kept.zone),
        said,
    )


def _local(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def _what(kept: Schedule) -> str:
    """Say a schedule's wish in the words of the options."""
    wish: Mapping[str, Any] = kept.wish
    where = wish.get("where") or {}
    said = [", ".join(wish.get("columns") or ("all columns",))]
    said += [f"where {state}" for state in where.get("state", ())]
    if older_s := where.get("older_than_s"):
        said.append(f"where older than {_age(older_s)}")
    if below := where.get("confidence_below"):
        said.append(f"where confidence is below {below:g}")
    if (force := wish.get("force", "none")) != "none":
        said.append(f"force {force}")
    if (cost := wish.get("max_cost")) is not None:
        said.append(f"at most {cost:g} credits")
    if kept.window_s is not None:
        said.append(f"up to {_age(kept.window_s)} late")
    return "; ".join(said)


def _age(length_s: float) -> str:
    unit, size_s = next((u, s) for u, s in _UNITS if length_s >= s or s == 1)
    return f"{length_s / size_s:g}{unit}"
