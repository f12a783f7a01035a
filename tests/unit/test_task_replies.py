"""The answer to whoever waits for a run, and what callers may ask for."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from celery import Celery

from enrich.domain.run import RunOptions, RunState
from enrich.engine.arguments import selection_of
from enrich.engine.purge import purge_row
from enrich.errors import UnknownNameError
from enrich.ports import Finished, Selection
from tasks.replies import ReplyTo, reply
from tests.unit.batches import NOW
from tests.unit.engine_world import world

TO = ReplyTo(task_id="asked", tenant="default", table="t", row="r1", columns=("domain",))


@dataclass
class _Results:
    """A backend that remembers what was stored."""

    stored: list[tuple[str, Any, str]] = field(default_factory=list)

    def store_result(self, task_id: str, result: Any, state: str) -> None:
        self.stored.append((task_id, result, state))


def test_whoever_waits_for_a_row_that_was_erased_meanwhile_is_told_so() -> None:
    results = _Results()
    app = cast(Celery, SimpleNamespace(backend=results))

    with world() as own:
        summary = own.run()
        purge_row(own.parts, "default", "t", "r1")
        reply(
            app,
            own.parts,
            Finished(run_id=summary.id, reply_to=TO.encode(), state=RunState.DONE),
        )

    ((task_id, result, state),) = results.stored
    assert (task_id, state) == ("asked", "FAILURE")
    assert isinstance(result, UnknownNameError)


def test_an_empty_filter_takes_up_what_no_filter_does() -> None:
    assert selection_of({}, RunOptions(), NOW) == (Selection(), RunOptions())
