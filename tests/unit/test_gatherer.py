"""When calls that have arrived are taken up together; the time is a number here."""

from collections.abc import Callable, Sequence

import pytest

from enrich.domain.policy import GatherPolicy
from tasks.express.gatherer import Gatherer


class Line:
    """A gatherer of numbers with its timers; groups begin when it says so."""

    def __init__(self, **policy: float) -> None:
        self.now_s = 0.0
        self.groups: list[list[int]] = []
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self.gatherer: Gatherer[int] = Gatherer(
            self._start,
            self._later,
            GatherPolicy(**{"window_s": 0.005, "most": 3, "at_once": 2, **policy}),  # type: ignore[arg-type] # by name
            now_s=lambda: self.now_s,
        )

    def add(self, *calls: int) -> None:
        for call in calls:
            self.gatherer.add(call)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        due = [work for at_s, work in self._timers if at_s <= self.now_s]
        self._timers = [one for one in self._timers if one[0] > self.now_s]
        for work in due:
            work()

    def _start(self, calls: Sequence[int]) -> None:
        self.groups.append(list(calls))

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        self._timers.append((self.now_s + seconds, work))


@pytest.fixture
def line() -> Line:
    return Line()


def test_first_call_of_an_idle_worker_waits_for_nobody(line: Line) -> None:
    line.add(1)

    assert line.groups == [[1]]


def test_those_who_come_while_others_are_under_way_go_together_after_the_window(line: Line) -> None:
    line.add(1, 2, 3)
    assert line.groups == [[1]]

    line.wait(0.005)

    assert line.groups == [[1], [2, 3]]


def test_a_whole_group_does_not_wait_for_the_window(line: Line) -> None:
    line.add(1, 2, 3, 4)

    assert line.groups == [[1], [2, 3, 4]]


def test_no_more_groups_are_under_way_than_may_be(line: Line) -> None:
    line.add(*range(1, 9))
    line.wait(1.0)
    assert line.groups == [[1], [2, 3, 4]]

    line.gatherer.ended()

    assert line.groups == [[1], [2, 3, 4], [5, 6, 7]]


def test_whoever_waits_alone_goes_when_the_last_group_ends(line: Line) -> None:
    line.add(1, 2)
    line.gatherer.ended()

    assert line.groups == [[1], [2]]


def test_window_counts_from_the_first_who_waits(line: Line) -> None:
    line.add(1, 2)
    line.wait(0.004)
    line.add(3)
    line.wait(0.001)

    assert line.groups == [[1], [2, 3]]


def test_a_group_that_was_parted_counts_twice(line: Line) -> None:
    line.add(1)
    line.gatherer.began()
    line.add(2)
    line.wait(1.0)
    assert line.groups == [[1]]

    line.gatherer.ended()

    assert line.groups == [[1], [2]]


@pytest.mark.parametrize("calls", [1, 2, 7, 40])
def test_every_call_is_in_one_group_and_in_order(line: Line, calls: int) -> None:
    line.add(*range(calls))
    for _ in range(calls):
        line.wait(0.01)
        line.gatherer.ended()

    assert [call for group in line.groups for call in group] == list(range(calls))


def test_who_is_left_over_by_a_whole_group_waits_no_longer_than_the_window(line: Line) -> None:
    line.add(1, 2, 3, 4, 5)
    line.wait(0.004)
    line.add(6, 7, 8)
    line.wait(0.001)
    line.gatherer.ended()
    line.gatherer.ended()
    assert line.groups == [[1], [2, 3, 4], [5, 6, 7]]

    line.wait(0.005)

    assert line.groups[3:] == [[8]]
