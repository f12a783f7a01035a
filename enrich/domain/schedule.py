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

_FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day-of-month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day-of-week", "0 to 7, where 0 and 7 are Sunday, or MON to SUN"),
)
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
        raise _cron_problem(cron, str(exc), now) from exc
    except StopIteration as exc:
        raise _never(cron) from exc
    return cron


def _cron_problem(cron: str, said: str, now: datetime) -> BadInputError:
    words = cron.split()
    named = [(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
    wrong = next((each for each in named if said == f"Bad {each[1]}"), None)
    if wrong is None:
        return BadInputError("cron", said, hint=_CRON_HINT)
    word, field, limits = wrong
    if field == "day-of-month" and _is_read(f"0 0 {word} * *", now):
        return _never(cron)
    return BadInputError("cron", f"{field} is {word!r}", hint=f"it goes from {limits}")


def _never(cron: str) -> BadInputError:
    day, month = cron.split()[2:4]
    return BadInputError(
        "cron",
        f"never comes: no month {month} has a day {day}",
        hint="name a day that exists, or L for the last of a month",
    )


def _is_read(cron: str, now: datetime) -> bool:
    try:
        CronSim(cron, now)
    except CronSimError:
        return False
    return True


def _newest_moment(cron: str, zone: str, now: datetime) -> datetime:
    # A moment right now has come: the reverse search looks strictly before.
    just_after = now.astimezone(ZoneInfo(zone)) + timedelta(microseconds=1)
    return next(CronSim(cron, just_after, reverse=True)).astimezone(UTC)


def _verdict(schedule: Schedule, late_s: float, *, is_running: bool) -> Verdict:
    if schedule.window_s is not None and late_s > schedule.window_s:
        return Verdict.MISSED
    return Verdict.OVERLAP if is_running else Verdict.BEGIN
