"""When a schedule's moment has come, and how many come of a missed hour or a changed clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enrich.domain.schedule import (
    Firing,
    Schedule,
    Verdict,
    checked_cron,
    checked_zone,
    firing,
    next_moment,
)
from enrich.errors import BadInputError

BERLIN = "Europe/Berlin"
DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHTLY = Schedule(
    tenant="acme", table="t", name="n", cron="0 3 * * *", next_at=at("2026-01-05T03:00")
)


def moments(cron: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    found, moment = [], start
    while (moment := next_moment(cron, zone, moment)) < end:
        found.append(moment)
    return found


def fired(schedule: Schedule, looks: list[datetime]) -> list[datetime]:
    """Look at these moments, as a scheduler does, and give those that were begun."""
    begun = []
    for now in looks:
        come = firing(schedule, now, is_running=False)
        begun += [come.due_at] if come else []
        schedule = replace(schedule, next_at=come.next_at) if come else schedule
    return begun


def test_nothing_is_due_before_its_moment() -> None:
    assert firing(NIGHTLY, at("2026-01-05T02:59:59"), is_running=False) is None


def test_its_moment_begins_a_run_and_the_next_is_a_day_later() -> None:
    assert firing(NIGHTLY, at("2026-01-05T03:00"), is_running=False) == Firing(
        verdict=Verdict.BEGIN, due_at=at("2026-01-05T03:00"), next_at=at("2026-01-06T03:00")
    )


def test_a_paused_schedule_is_never_due() -> None:
    assert firing(replace(NIGHTLY, paused=True), at("2026-02-05T03:00"), is_running=False) is None


def test_many_missed_moments_are_caught_up_once() -> None:
    looks = [at("2026-01-09T10:00"), at("2026-01-09T10:00:20"), at("2026-01-10T03:00:07")]

    assert fired(NIGHTLY, looks) == [at("2026-01-09T03:00"), at("2026-01-10T03:00")]


@pytest.mark.parametrize(
    ("late_s", "verdict"),
    [
        pytest.param(0, Verdict.BEGIN, id="in time"),
        pytest.param(3600, Verdict.BEGIN, id="at the end of its window"),
        pytest.param(3601, Verdict.MISSED, id="a second after it"),
    ],
)
def test_a_moment_counts_within_its_window(late_s: int, verdict: Verdict) -> None:
    schedule = replace(NIGHTLY, window_s=3600.0)

    come = firing(schedule, NIGHTLY.next_at + timedelta(seconds=late_s), is_running=False)

    assert come is not None
    assert (come.verdict, come.next_at) == (verdict, at("2026-01-06T03:00"))


def test_a_moment_is_skipped_while_the_last_run_goes_on() -> None:
    come = firing(NIGHTLY, NIGHTLY.next_at, is_running=True)

    assert come is not None
    assert (come.verdict, come.next_at) == (Verdict.OVERLAP, at("2026-01-06T03:00"))


def test_a_moment_that_was_taken_and_not_settled_is_the_same_moment_again() -> None:
    taken = replace(NIGHTLY, due_at=at("2026-01-05T03:00"), next_at=at("2026-01-06T03:00"))

    come = firing(taken, at("2026-01-05T09:00"), is_running=False)

    assert come == Firing(verdict=Verdict.BEGIN, due_at=taken.due_at, next_at=taken.next_at)


def test_a_moment_set_by_hand_is_its_own() -> None:
    by_hand = replace(NIGHTLY, next_at=at("2026-01-05T14:22:09"))

    come = firing(by_hand, at("2026-01-05T14:22:10"), is_running=False)

    assert come is not None
    assert (come.due_at, come.next_at) == (by_hand.next_at, at("2026-01-06T03:00"))


@pytest.mark.parametrize(
    ("cron", "day", "expected"),
    [
        pytest.param("30 2 * * *", "2026-03-29", ["01:00"], id="within the lost hour"),
        pytest.param("30 3 * * *", "2026-03-29", ["01:30"], id="after the lost hour"),
        pytest.param("30 2 * * *", "2026-10-25", ["00:30"], id="within the doubled hour"),
        pytest.param("30 4 * * *", "2026-10-25", ["03:30"], id="after the doubled hour"),
    ],
)
def test_a_daily_moment_comes_once_where_the_clock_changes(
    cron: str, day: str, expected: list[str]
) -> None:
    midnight = at(f"{day}T00:00")

    found = moments(cron, BERLIN, midnight - timedelta(hours=2), midnight + timedelta(hours=22))

    assert [f"{moment:%H:%M}" for moment in found] == expected


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param("2026-03-29", 23, id="the clock put forward"),
        pytest.param("2026-10-25", 25, id="the clock put back"),
        pytest.param("2026-06-15", 24, id="no change"),
    ],
)
def test_an_hourly_moment_follows_the_hours_that_there_are(day: str, hours: int) -> None:
    local = datetime.fromisoformat(day)
    offset = timedelta(hours=1 if hours == 23 else 2)
    midnight = local.replace(tzinfo=UTC) - offset

    found = moments(
        "0 * * * *", BERLIN, midnight - timedelta(seconds=1), midnight + hours * DAY / 24
    )

    assert len(found) == hours


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/10 * * * *"], ids=["daily", "every ten minutes"])
def test_a_scheduler_that_slept_over_a_change_fires_once(cron: str) -> None:
    schedule = replace(NIGHTLY, cron=cron, zone=BERLIN, next_at=at("2026-03-29T00:30"))

    begun = fired(schedule, [at("2026-03-29T06:00"), at("2026-03-29T06:00:15")])

    assert len(begun) == 1


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "x",
        "0 3 * *",
        "61 3 * * *",
        "0 3 31 2 *",
        "* * * * * *",
        "@daily",
        "0 3 * * 8",
        "0 0 ٣ * *",
    ],
    ids=repr,
)
def test_a_wrong_expression_is_one_sentence(cron: str) -> None:
    with pytest.raises(BadInputError, match=r"^cron: "):
        checked_cron(cron, "UTC", NIGHTLY.next_at)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("61 2 * * *", "minute is '61'; it goes from 0 to 59"),
        ("0 0 30 2 *", "never comes: no month 2 has a day 30"),
        ("0 0 32 * *", "day-of-month is '32'; it goes from 1 to 31"),
        ("0 3 * * 8", "day-of-week is '8'; it goes from 0 to 7"),
    ],
    ids=["minute", "no such day", "day", "weekday"],
)
def test_what_is_wrong_with_an_expression_is_said(cron: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        checked_cron(cron, "UTC", NIGHTLY.next_at)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "/etc", "a\0b"], ids=repr)
def test_a_wrong_zone_is_one_sentence(zone: str) -> None:
    with pytest.raises(BadInputError, match=r"^zone: there is no time zone"):
        checked_zone(zone)


@pytest.mark.parametrize("cron", ["0 3 * * 1-5", "*/15 8-18 * * MON", "0 0 L * *"], ids=repr)
def test_an_expression_is_given_back(cron: str) -> None:
    assert checked_cron(cron, BERLIN, NIGHTLY.next_at) == cron
