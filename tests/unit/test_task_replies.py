"""The answer to whoever waits for a run, and what callers may ask for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest
import redis
from celery import Celery
from celery.backends.base import KeyValueStoreBackend

from enrich.bootstrap import Services
from enrich.domain.run import RunOptions, RunState
from enrich.engine.arguments import selection_of
from enrich.engine.purge import purge_row
from enrich.ports import Finished, Selection
from tasks.replies import ReplyTo, answer_run, reply
from tests.unit.batches import NOW
from tests.unit.engine_world import World, world

TO = ReplyTo(task_id="asked", tenant="default", table="t", row="r1", columns=("domain",))


@dataclass
class Results:
    """The Redis of a backend: remembers what was stored, or is away."""

    is_away: bool = False
    stored: dict[bytes, Any] = field(default_factory=dict)

    def pipeline(self, *, transaction: bool) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def setex(self, key: bytes, lifetime_s: float, value: str) -> None:
        self.stored[key] = json.loads(value)

    def publish(self, channel: bytes, value: str) -> None:
        pass

    def execute(self) -> None:
        if self.is_away:
            raise redis.ConnectionError


@dataclass
class Hooks:
    """One webhook, and the runs whose ends were noted for it."""

    noted: list[int] = field(default_factory=list)

    def listeners(self, run: int) -> tuple[str, int]:
        return "default", 1

    def note_run(self, run: int, report: Mapping[str, Any]) -> int:
        self.noted.append(run)
        return 0


def app_of(results: Results) -> Celery:
    backend = KeyValueStoreBackend(app=Celery(set_as_current=False))
    backend.client = results
    return cast(Celery, SimpleNamespace(backend=backend))


def services_of(own: World, hooks: Hooks | None = None) -> Services:
    desk = SimpleNamespace(parts=own.parts, webhooks=hooks)
    return cast(Services, SimpleNamespace(parts=own.parts, desk=desk))


def test_whoever_waits_for_a_row_that_was_erased_meanwhile_is_told_so() -> None:
    results = Results()

    with world() as own:
        summary = own.run()
        purge_row(own.parts, "default", "t", "r1")
        end = Finished(run_id=summary.id, reply_to=TO.encode(), state=RunState.DONE)
        reply(app_of(results), services_of(own), end)

    told = results.stored[b"celery-task-meta-asked"]
    assert (told["status"], told["result"]["exc_type"]) == ("FAILURE", "UsageError")


def test_webhooks_are_told_of_an_end_that_redis_takes_no_answer_about() -> None:
    hooks = Hooks()

    with world() as own:
        summary = own.run()
        end = Finished(run_id=summary.id, reply_to=TO.encode(), state=RunState.CANCELLED)
        with pytest.raises(redis.ConnectionError):
            answer_run(app_of(Results(is_away=True)), services_of(own, hooks), end)

    assert hooks.noted == [summary.id]


def test_an_empty_filter_takes_up_what_no_filter_does() -> None:
    assert selection_of({}, RunOptions(), NOW) == (Selection(), RunOptions())
