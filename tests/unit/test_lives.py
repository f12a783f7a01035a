"""What a worker does with the leases of the life before, before it does anything else."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from enrich.store.memory_runs import MemoryRunStore
from tasks import lives
from tests.unit.batches import spec
from tests.unit.engine_world import Scripted, World, world

NAME = "worker0"


@pytest.fixture
def held() -> Iterator[World]:
    """A world with one batch that a life of this name has opened."""
    with world(Scripted(spec("vendor", "email", "domain"), {})) as made:
        _, (step,) = made.submit()
        MemoryRunStore(made.database, holder=NAME).open(step.batch, lease_s=3600)
        yield made


@pytest.fixture
def may_go_on(held: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What whoever works beside the consumer of a life waits for, that is about to begin."""
    may_go_on, is_warm = threading.Event(), threading.Event()
    runs = MemoryRunStore(held.database, holder=NAME)
    own = SimpleNamespace(parts=SimpleNamespace(runs=runs), warm=is_warm.set)

    def services() -> SimpleNamespace:
        # Whatever is done beside the consumer comes after the first messages.
        if threading.current_thread() is not threading.main_thread():
            may_go_on.wait(60)
        return own

    monkeypatch.setattr(lives, "services", services)
    monkeypatch.setattr(lives, "holder", lambda: NAME)
    monkeypatch.setattr(lives, "sweep", lambda: None)
    monkeypatch.setattr(lives, "_began", threading.Event())
    yield may_go_on
    may_go_on.set()
    assert is_warm.wait(60)


def consumer(**channel: Any) -> SimpleNamespace:
    """Give a consumer whose channel has these."""
    return SimpleNamespace(task_consumer=SimpleNamespace(channel=SimpleNamespace(**channel)))


def left_of(held: World) -> int:
    return MemoryRunStore(held.database).let_go(NAME, is_lost=True)


@pytest.mark.usefixtures("may_go_on")
def test_leases_of_the_last_life_end_before_this_one_takes_any(held: World) -> None:
    lives._begin(consumer())

    assert left_of(held) == 0


@pytest.mark.usefixtures("may_go_on")
def test_messages_of_the_last_life_come_back_once_its_batches_are_let_go(held: World) -> None:
    left: list[int] = []

    lives._begin(consumer(take_over=lambda: left.append(left_of(held)) or 1))
    lives._begin(consumer(take_over=lambda: left.append(-1) or 1))

    assert left == [0]


@pytest.mark.usefixtures("may_go_on")
def test_a_life_begins_also_where_the_broker_does_not_answer(
    held: World, caplog: pytest.LogCaptureFixture
) -> None:
    def take_over() -> int:
        raise RedisConnectionError("gone")

    lives._begin(consumer(take_over=take_over))

    assert left_of(held) == 0
    assert "messages.left_to_timeout" in caplog.messages
