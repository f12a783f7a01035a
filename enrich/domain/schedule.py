"""When something is to be enriched again: cron moments in a time zone, and what to do about them.

A moment that was missed is caught up once, however many were missed. Two runs of one schedule never
go on at the same time. Where the clock is put forward, a moment within the lost hour comes right
after it; where it is put back, a moment within the doubled hour comes once (Debian's rules).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from enrich.domain.values import JsonObject
from enrich.errors import BadInputError

__all__ = ["Firing", "Schedule", "Verdict", "checked_cron", "checked_zone", "firing", "next_moment"]

_CRON_HINT = "five fields: minute hour day month weekday, for example `0 3 * * 1-5`"


class Verdict(StrEnum):
    """What becomes of a moment that has come."""

    BEGIN = "begin"
    OVERLAP = "overlap"  # the previous run has not ended
    MISSED = "missed"  # it is longer ago than the schedule's window


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is to be enriched when.

    `wish` holds columns, where, force and max_cost as a message would. A moment may be begun up to
    `window_s` seconds late; None is any time. `due_at` is a moment that is being begun, `run_id`
    the last run, `said` what came of the last moment.
    """

    tenant: str
    table: str
    name: str
    cron: str
    zone: str = "UTC"
    wish: JsonObject = field(default_factory=dict)
    window_s: float | None = None
    paused: bool = False
    next_at: datetime
    due_at: datetime | None = None
    run_id: int | None = None
    last_at: datetime | None = None
    said: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A moment that has come: what to do about it, and the moment that comes next."""

    verdict: Verdict
    due_at: datetime
    next_at: datetime


def firing(schedule: Schedule, now: datetime, *, is_running: bool) -> Firing | None:
    """Decide about a schedule now; None when its moment has not come.

    Of several moments that have passed only the newest counts. One that somebody took and did not
    bring to its end is taken up again.
    """
    if schedule.due_at is not None:
        verdict = Verdict.OVERLAP if is_running else Verdict.BEGIN
        return Firing(verdict=verdict, due_at=schedule.due_at, next_at=schedule.next_at)
    if schedule.paused or now < schedule.next_at:
        return None
    due_at = max(schedule.next_at, _newest_moment(schedule.cron, schedule.zone, now))
    return Firing(
        verdict=_verdict(schedule, (now - due_at).total_seconds(), is_running=is_running),
        due_at=due_at,
        next_at=next_moment(schedule.cron, schedule.zone, now),
    )


def next_moment(cron: str, zone: str, after: datetime) -> datetime:
    """Give the first moment after this one, in UTC."""
    return next(CronSim(cron, after.astimezone(ZoneInfo(zone)))).astimezone(UTC)


def checked_zone(zone: str) -> str:
    """Give the name of a time zone back. Raises `BadInputError` for one that does not exist."""
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as exc:  # what zoneinfo says of names that are none
        hint = "for example Europe/Berlin"
        raise BadInputError("zone", f"there is no time zone {zone!r}", hint=hint) from exc
    return zone


def checked_cron(cron: str, zone: str, now: datetime) -> str:
    """Give a cron expression back.

    Raises:
        BadInputError: it cannot be read, or never comes.
    """
    if len(cron.split()) != 5:
        raise BadInputError("cron", f"has {len(cron.split())} fields", hint=_CRON_HINT)
    try:
        next_moment(cron, zone, now)
    except CronSimError as exc:
        raise BadInputError("cron", str(exc), hint=_CRON_HINT) from exc
    except StopIteration as exc:
        raise BadInputError("cron", "never comes", hint="name a day that exists") from exc
    return cron


def _newest_moment(cron: str, zone: str, now: datetime) -> datetime:
    # A moment right now has come: the reverse search looks strictly before.
    just_after = now.astimezone(ZoneInfo(zone)) + timedelta(microseconds=1)
    return next(CronSim(cron, just_after, reverse=True)).astimezone(UTC)


def _verdict(schedule: Schedule, late_s: float, *, is_running: bool) -> Verdict:
    if schedule.window_s is not None and late_s > schedule.window_s:
        return Verdict.MISSED
    return Verdict.OVERLAP if is_running else Verdict.BEGIN
