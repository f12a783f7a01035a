"""Schedules: kept by name, each moment taken by one, and brought to its end once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from enrich.domain.run import RunOptions
from enrich.domain.schedule import Firing, Schedule, Verdict, firing
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import NewRun, RunStore, Selection
from enrich.ports.schedules import Schedules, Taken
from enrich.store.memory import MemoryDatabase, MemoryRowStore
from enrich.store.memory_runs import MemoryRunStore
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from enrich.store.schedules import PostgresSchedules
from enrich.store.schedules_memory import MemorySchedules
from tests.store_fixtures import NOW, TABLE, TENANT, make_table

MINUTE = timedelta(minutes=1)
DAILY = Schedule(
    tenant=TENANT,
    table=TABLE,
    name="nightly",
    cron="0 12 * * *",
    zone="Europe/Berlin",
    wish={"columns": ["industry"], "where": {"older_than_s": 86_400.0}},
    window_s=3600.0,
    next_at=NOW,
)


class Kept:
    """Schedules and the runs beside them."""

    def __init__(self, schedules: Schedules, runs: RunStore) -> None:
        self.schedules, self.runs = schedules, runs

    def take(self, now: datetime = NOW) -> list[Taken]:
        return list(self.schedules.take(now, partial(_decide, now), retake_s=600.0))

    def begin_run(self) -> int:
        new = NewRun(
            tenant=TENANT,
            table=TABLE,
            wanted=("industry",),
            selection=Selection(),
            options=RunOptions(),
            batch_rows=10,
        )
        return self.runs.create(new, in_flight=1, lease_s=60.0)[0].id


def _decide(now: datetime, schedule: Schedule, is_running: bool) -> Firing | None:
    return firing(schedule, now, is_running=is_running)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def kept(request: pytest.FixtureRequest) -> Kept:
    """Keep schedules in each of the two ways, beside a table of two rows."""
    if request.param == "memory":
        database = MemoryDatabase()
        make_table(MemoryRowStore(database), 2)
        return Kept(MemorySchedules(database), MemoryRunStore(database))
    engine = request.getfixturevalue("walled_engine")
    make_table(PostgresRowStore(engine), 2)
    return Kept(PostgresSchedules(engine), PostgresRunStore(engine))


def test_a_schedule_comes_back_as_it_was_kept(kept: Kept) -> None:
    kept.schedules.add(DAILY)

    found = kept.schedules.find(TENANT, "nightly")

    assert replace(found, id=0) == DAILY
    assert [*kept.schedules.all(), *kept.schedules.all("other")] == [found]


def test_a_revised_schedule_keeps_its_past(kept: Kept) -> None:
    kept.schedules.add(DAILY)
    (taken,) = kept.take()
    kept.schedules.settle(taken, run_id=None, said="skipped")
    before = kept.schedules.find(TENANT, "nightly")
    other = replace(before, cron="1 2 * * *", wish={"force": "responses"}, window_s=60.0)

    kept.schedules.revise(replace(other, said="", paused=True, run_id=7))

    assert kept.schedules.find(TENANT, "nightly") == other


def test_a_name_is_given_once(kept: Kept) -> None:
    kept.schedules.add(DAILY)

    with pytest.raises(BadInputError, match="already"):
        kept.schedules.add(DAILY)


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda s: s.add(replace(DAILY, table="nowhere")), id="table"),
        pytest.param(lambda s: s.find(TENANT, "nobody"), id="find"),
        pytest.param(lambda s: s.revise(replace(DAILY, name="nobody")), id="revise"),
        pytest.param(lambda s: s.remove(TENANT, "nobody"), id="remove"),
        pytest.param(lambda s: s.change("o", "n", paused=True, next_at=NOW), id="change"),
    ],
)
def test_an_unknown_name_is_said(kept: Kept, use: Callable[[Schedules], None]) -> None:
    with pytest.raises(UnknownNameError):
        use(kept.schedules)


def test_a_moment_is_taken_once_and_the_next_one_waits(kept: Kept) -> None:
    kept.schedules.add(DAILY)

    (taken,) = kept.take()

    assert taken.firing.verdict is Verdict.BEGIN
    assert kept.take() == []
    assert kept.schedules.find(TENANT, "nightly").next_at == NOW + timedelta(hours=23)


def test_two_schedulers_at_once_share_what_has_come(kept: Kept) -> None:
    names = [f"s{number:02d}" for number in range(20)]
    _add_all(kept, names)

    with ThreadPoolExecutor(4) as pool:
        rounds = [pool.submit(kept.take) for _ in range(8)]
        taken = [one.schedule.name for each in rounds for one in each.result()]

    assert sorted(taken) == names


def _add_all(kept: Kept, names: list[str]) -> None:
    for name in names:
        kept.schedules.add(replace(DAILY, name=name))


def test_what_was_taken_and_not_settled_is_given_again_later(kept: Kept) -> None:
    kept.schedules.add(DAILY)
    (first,) = kept.take()

    assert kept.take(NOW + 9 * MINUTE) == []
    (again,) = kept.take(NOW + 10 * MINUTE)

    assert again.firing == first.firing


def test_what_came_of_a_moment_is_kept(kept: Kept) -> None:
    kept.schedules.add(DAILY)
    (taken,) = kept.take()

    kept.schedules.settle(taken, run_id=7, said="begun: run 7")
    kept.schedules.settle(taken, run_id=8, said="a second time")

    found = kept.schedules.find(TENANT, "nightly")
    assert (found.run_id, found.said, found.due_at, found.last_at) == (7, "begun: run 7", None, NOW)


def test_while_a_run_goes_on_the_next_moment_is_an_overlap(kept: Kept) -> None:
    kept.schedules.add(replace(DAILY, window_s=None))
    (first,) = kept.take()
    run_id = kept.begin_run()
    kept.schedules.settle(first, run_id=run_id, said="")
    (second,) = kept.take(NOW + timedelta(days=1))
    kept.schedules.settle(second, run_id=None, said="skipped")
    kept.runs.cancel(TENANT, run_id)
    (third,) = kept.take(NOW + timedelta(days=2))

    assert second.firing.verdict is Verdict.OVERLAP
    assert third.firing.verdict is Verdict.BEGIN


def test_a_paused_schedule_is_not_taken_until_it_is_resumed(kept: Kept) -> None:
    kept.schedules.add(DAILY)
    kept.schedules.change(TENANT, "nightly", paused=True, next_at=NOW)
    asleep = kept.take()
    kept.schedules.change(TENANT, "nightly", paused=False, next_at=NOW)

    assert (asleep, len(kept.take())) == ([], 1)


def test_a_removed_schedule_is_gone_and_its_name_free(kept: Kept) -> None:
    kept.schedules.add(DAILY)
    kept.schedules.remove(TENANT, "nightly")
    kept.schedules.add(DAILY)

    assert len(kept.schedules.all(TENANT)) == 1
