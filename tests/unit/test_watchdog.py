"""Workers that run and do nothing are found; those that are merely late are not."""

from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from enrich.cli.watchdog import Watchdog

NODES = {"worker1": "worker1@here", "worker2": "worker2@here"}


@dataclass
class Installation:
    """Who answers, and what time it is."""

    heard: frozenset[str] | None = frozenset(NODES.values())
    now_s: float = 0.0
    pids: dict[str, int] = field(default_factory=lambda: {"worker1": 11, "worker2": 12, "beat": 13})

    def __post_init__(self) -> None:
        self.watchdog = Watchdog(NODES, self.ask, every_s=10, misses=3, now_s=lambda: self.now_s)

    def ask(self, _nodes: Collection[str]) -> frozenset[str] | None:
        return self.heard

    def looks(self, times: int) -> list[tuple[str, ...]]:
        return [self.look() for _ in range(times)]

    def look(self) -> tuple[str, ...]:
        self.now_s += 10
        return self.watchdog.silent(self.pids)


@pytest.fixture
def it() -> Installation:
    """Two workers that have answered once."""
    installation = Installation()
    installation.look()
    return installation


def test_worker_that_misses_three_times_is_silent(it: Installation) -> None:
    it.heard = frozenset({"worker2@here"})

    assert it.looks(3) == [(), (), ("worker1",)]


def test_one_answer_starts_the_count_again(it: Installation) -> None:
    it.heard = frozenset()
    it.looks(2)
    it.heard = frozenset(NODES.values())
    it.look()
    it.heard = frozenset()

    assert it.looks(2) == [(), ()]


def test_broker_that_is_away_says_nothing_of_workers(it: Installation) -> None:
    it.heard = None

    assert it.looks(5) == [()] * 5


def test_life_that_has_never_answered_is_not_judged(it: Installation) -> None:
    it.pids["worker1"], it.heard = 99, frozenset({"worker2@here"})

    assert it.looks(5) == [()] * 5


def test_it_looks_only_when_it_is_time(it: Installation) -> None:
    it.heard = frozenset()
    it.looks(2)

    assert it.watchdog.silent(it.pids) == ()
