"""What a worker does with the leases of the life before, before it does anything else."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

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


def test_leases_of_the_last_life_end_before_this_one_takes_any(
    held: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = MemoryRunStore(held.database, holder=NAME)
    may_go_on, is_warm = threading.Event(), threading.Event()
    own = SimpleNamespace(parts=SimpleNamespace(runs=runs), warm=is_warm.set)

    def services() -> SimpleNamespace:
        # Whatever is done beside the consumer comes after the first messages.
        if threading.current_thread() is not threading.main_thread():
            may_go_on.wait(10)
        return own

    monkeypatch.setattr(lives, "services", services)
    monkeypatch.setattr(lives, "holder", lambda: NAME)
    monkeypatch.setattr(lives, "sweep", lambda: None)
    monkeypatch.setattr(lives, "_began", threading.Event())

    lives._begin()

    left = runs.let_go(NAME, is_lost=True)
    may_go_on.set()
    assert is_warm.wait(10)
    assert left == 0
