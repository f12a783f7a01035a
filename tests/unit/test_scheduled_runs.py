"""Runs that the clock begins: one a moment, none beside another, and a report at the end."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from enrich.domain.outcome import NotFound
from enrich.domain.schedule import Schedule
from enrich.engine.schedules import Began, begin_due, is_scheduled, outcome_of, report_end
from enrich.store.schedules_memory import MemorySchedules
from tests.unit.batches import spec
from tests.unit.engine_world import Scripted, World, world

DAY_S = 86_400.0


class Beat:
    """A world with schedules, and a scheduler that looks when it is told."""

    def __init__(self, within: World) -> None:
        self.world, self.schedules = within, MemorySchedules(within.database)
        self.first = Schedule(
            tenant="default", table="t", name="s", cron="* * * * *", next_at=within.clock.now()
        )

    def add(self, **other: object) -> None:
        self.schedules.add(replace(self.first, **other))  # type: ignore[arg-type]

    def tick(self) -> tuple[Began, ...]:
        return begin_due(self.world.parts, self.schedules)

    def said(self) -> str:
        return self.schedules.find("default", "s").said

    def came_of_it(self) -> str:
        return outcome_of(self.world.parts.runs, self.schedules.find("default", "s"))

    def runs(self) -> int:
        return len(self.world.parts.runs.runs("default"))


@pytest.fixture
def beat() -> Iterator[Beat]:
    """A table of one row and a provider that knows nothing."""
    with world(Scripted(spec("whois", "email", "domain"), lambda _: NotFound())) as made:
        yield Beat(made)


def test_a_moment_begins_one_run_however_often_it_is_looked_at(beat: Beat) -> None:
    beat.add()

    (began,) = beat.tick()

    assert beat.tick() == ()
    assert (beat.runs(), beat.said()) == (1, f"begun: run {began.run_id}")
    assert began.steps


def test_while_a_run_goes_on_no_other_begins(beat: Beat) -> None:
    beat.add()
    (first,) = beat.tick()
    beat.world.clock.sleep(60.0)

    (second,) = beat.tick()

    assert second.run_id is None
    assert beat.said() == f"skipped: run {first.run_id} has not ended"
    assert beat.runs() == 1


def test_the_next_moment_after_its_end_begins_the_next_run(beat: Beat) -> None:
    beat.add()
    (first,) = beat.tick()
    beat.world.runner.run(first.steps, patience_s=0)
    beat.world.clock.sleep(DAY_S)

    (second,) = beat.tick()

    assert (beat.runs(), second.run_id != first.run_id) == (2, True)


def test_a_moment_that_nobody_brought_to_its_end_still_makes_one_run(
    beat: Beat, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat.add()
    with monkeypatch.context() as died:
        died.setattr(beat.schedules, "settle", _die)
        with pytest.raises(SystemExit):
            beat.tick()
    beat.world.clock.sleep(3600.0)

    (again,) = beat.tick()

    assert (beat.runs(), again.run_id is not None) == (1, True)


def _die(*_: object, **__: object) -> None:
    raise SystemExit


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"columns": ["nobody"]}, id="a column that went"),
        pytest.param({"force": "maybe"}, id="a wrong force"),
        pytest.param({"when": "now"}, id="an unknown part"),
        pytest.param({"where": {"state": ["lost"]}}, id="an unknown state"),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_is_said_and_the_clock_goes_on(
    beat: Beat, wish: dict[str, object]
) -> None:
    beat.add(wish=wish)

    (began,) = beat.tick()

    assert (began.run_id, beat.runs()) == (None, 0)
    assert beat.said().startswith("not begun: ")
    assert beat.tick() == ()


def test_a_run_that_finds_no_rows_hands_its_end_on_like_any_other(beat: Beat) -> None:
    beat.add(wish={"where": {"state": ["failed"]}})

    (began,) = beat.tick()

    assert (began.steps, began.finished) == ((), beat.world.parts.runs.ended(began.run_id or 0))
    assert beat.came_of_it() == f"run {began.run_id} done: no rows to enrich"


def test_what_came_of_a_moment_is_its_run_and_then_its_end(beat: Beat) -> None:
    beat.add()
    (began,) = beat.tick()
    before = beat.came_of_it()

    _end(beat.world, began)

    assert before == f"begun: run {began.run_id}"
    assert beat.came_of_it() == f"run {began.run_id} done: 0 filled, 1 not found, 0 failed"


def test_the_end_of_a_run_is_reported_with_what_it_came_to(
    beat: Beat, caplog: pytest.LogCaptureFixture
) -> None:
    beat.add()
    (began,) = beat.tick()
    finished = _end(beat.world, began)

    assert is_scheduled(finished)
    with caplog.at_level(logging.INFO, logger="enrich.engine"):
        report_end(beat.world.parts, began.run_id or 0, finished)

    (told,) = (vars(one) for one in caplog.records if "schedule" in vars(one))
    assert (told["schedule"], told["metric"], told["state"]) == ("s", "schedule.ended", "done")
    assert {"filled", "not_found", "failed", "cost"} <= told.keys()


def _end(within: World, began: Began) -> str:
    within.runner.run(began.steps, patience_s=0)
    ended = within.parts.runs.ended(began.run_id or 0)
    assert ended is not None
    return ended.reply_to
